//! Brings the members of a room together. Each says hello and waits for its own hello, which
//! proves that the room already delivers to it.

use super::member::{Member, Room};
use super::message::{Kind, Said};
use crate::stats::Complaints;
use crate::target::Target;
use crate::ws::{self, Connection};

/// Opens all members of a room one after the other.
pub(super) async fn gather(target: &Target, name: &str, room: &Room) -> ws::Result<Vec<Member>> {
    let mut members = Vec::new();
    let mut complaints = Complaints::default();
    for number in 0..room.members {
        let mut member = Member::new(Connection::open(target, name).await?);
        let mut hello = Vec::new();
        room.format.write(
            Said {
                kind: Kind::Hello,
                seq: number,
                at: 0,
            },
            &mut hello,
        );
        member.connection.push(&hello);
        while next_hello(room, &mut member).await? != Some(number) {
            complaints.add("strange message while gathering");
        }
        members.push(member);
    }
    // Everybody must have seen exactly the hellos that came after it, in order.
    for (member, own) in members.iter_mut().zip(0..) {
        for wanted in own + 1..room.members {
            let got = next_hello(room, member).await?;
            if got != Some(wanted) {
                let what = format!("hello lost or reordered: wanted {wanted} got {got:?}");
                complaints.add(what);
            }
        }
    }
    if let Some(first) = members.first_mut() {
        first.complaints.merge(complaints);
    }
    Ok(members)
}

/// The number of the next message when it is a hello of this room.
async fn next_hello(room: &Room, member: &mut Member) -> ws::Result<Option<u64>> {
    loop {
        if let Some(message) = member.connection.next()? {
            let said = room.format.read(member.connection.data(&message));
            return Ok(said
                .filter(|said| said.kind == Kind::Hello)
                .map(|said| said.seq));
        }
        member.connection.pump().await?;
    }
}
