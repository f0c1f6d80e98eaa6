//! What is sent and what must come back, for the request/answer modes.

/// Work whose answers arrive in the order of the messages of one connection.
pub trait Work {
    /// Write message `seq` of this connection into `out`.
    fn make(&mut self, seq: u64, out: &mut Vec<u8>);
    /// None when `got` is the right answer to message `seq`.
    fn check(&mut self, seq: u64, got: &[u8]) -> Option<String>;
    /// Values to be judged room by room after the run.
    fn values(&mut self) -> Vec<u64> {
        vec![]
    }
}

fn show(b: &[u8]) -> String {
    let s: String = String::from_utf8_lossy(&b[..b.len().min(60)]).into_owned();
    format!("{s:?} ({} bytes)", b.len())
}

/// Letters and digits only, so that every protocol can carry it unescaped.
pub fn padding(seed: u64, n: usize) -> Vec<u8> {
    const A: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut x = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    (0..n)
        .map(|_| {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            A[(x >> 32) as usize & 63]
        })
        .collect()
}

/// Fixed-width decimal.
pub fn put_dec(out: &mut [u8], mut v: u64) {
    for b in out.iter_mut().rev() {
        *b = b'0' + (v % 10) as u8;
        v /= 10;
    }
}
pub fn get_dec(b: &[u8]) -> Option<u64> {
    let mut v = 0u64;
    for &c in b {
        if !c.is_ascii_digit() {
            return None;
        }
        v = v.checked_mul(10)?.checked_add((c - b'0') as u64)?;
    }
    if b.is_empty() { None } else { Some(v) }
}

pub const ECHO_HEAD: usize = 8 + 1 + 12 + 1;

pub struct Echo {
    template: Vec<u8>,
}
impl Echo {
    pub fn new(conn: u64, size: usize) -> Echo {
        let size = size.max(ECHO_HEAD + 2);
        let mut t = vec![b'.'; ECHO_HEAD];
        put_dec(&mut t[..8], conn);
        t.extend(padding(conn + 1, size - ECHO_HEAD));
        Echo { template: t }
    }
}
impl Work for Echo {
    fn make(&mut self, seq: u64, out: &mut Vec<u8>) {
        put_dec(&mut self.template[9..21], seq);
        out.clear();
        out.extend_from_slice(&self.template);
    }
    fn check(&mut self, seq: u64, got: &[u8]) -> Option<String> {
        put_dec(&mut self.template[9..21], seq);
        if got == self.template {
            None
        } else {
            Some(format!(
                "wrong echo, e.g. wanted {} got {}",
                show(&self.template),
                show(got)
            ))
        }
    }
}

/// The room adds one to a stored number and answers with it.
pub struct Counter {
    last: u64,
    got: Vec<u64>,
}
impl Counter {
    pub fn new() -> Counter {
        Counter {
            last: 0,
            got: vec![],
        }
    }
}
impl Work for Counter {
    fn make(&mut self, _seq: u64, out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(b"inc");
    }
    fn check(&mut self, _seq: u64, got: &[u8]) -> Option<String> {
        match get_dec(got) {
            Some(v) if v > self.last => {
                self.last = v;
                self.got.push(v);
                None
            }
            Some(v) => {
                let l = self.last;
                self.got.push(v);
                Some(format!("counter did not rise, e.g. {l} then {v}"))
            }
            None => Some(format!("not a number: {}", show(got))),
        }
    }
    fn values(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.got)
    }
}

/// A JSON document the room must parse, walk, hash and print again.
/// The handler (same in every peer, see peers/common/core.mjs):
///   h = seq|0; for each item: for each value h = imul(h,31)+v|0; h = imul(h,31)+name.length|0
///   for i in 0..loops: h = imul(h ^ (h>>>13), 0x5bd1e995)+i|0
///   doc.sum = h; answer JSON.stringify(doc)
pub struct Cpu {
    tail: Vec<u8>,
    items: Vec<(Vec<i32>, i32)>,
    loops: i32,
    buf: Vec<u8>,
}
impl Cpu {
    pub fn new(conn: u64, size: usize, loops: u32) -> Cpu {
        let mut tail =
            format!(",\"loops\":{loops},\"title\":\"doc-{conn}\",\"items\":[").into_bytes();
        let mut items = vec![];
        let mut x = conn.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut rnd = || {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            x >> 33
        };
        let mut i = 0;
        while tail.len() < size.saturating_sub(60) || i == 0 {
            if i > 0 {
                tail.push(b',');
            }
            let name = format!(
                "item-{i}-{}",
                String::from_utf8(padding(rnd(), 12)).unwrap()
            );
            let vals: Vec<i32> = (0..12).map(|_| (rnd() % 100_000) as i32 - 20_000).collect();
            let list: Vec<String> = vals.iter().map(|v| v.to_string()).collect();
            tail.extend_from_slice(
                format!(
                    "{{\"id\":{i},\"name\":\"{name}\",\"on\":{},\"at\":null,\"tags\":[\"red\",\"g{}\"],\"values\":[{}]}}",
                    rnd() % 2 == 0,
                    rnd() % 10,
                    list.join(",")
                )
                .as_bytes(),
            );
            items.push((vals, name.len() as i32));
            i += 1;
        }
        tail.push(b']');
        Cpu {
            tail,
            items,
            loops: loops as i32,
            buf: vec![],
        }
    }
    fn head(&mut self, seq: u64) {
        self.buf.clear();
        self.buf.extend_from_slice(b"{\"seq\":");
        self.buf.extend_from_slice(seq.to_string().as_bytes());
        self.buf.extend_from_slice(&self.tail);
    }
    fn sum(&self, seq: u64) -> i32 {
        let mut h = seq as i32;
        for (vals, n) in &self.items {
            for v in vals {
                h = h.wrapping_mul(31).wrapping_add(*v);
            }
            h = h.wrapping_mul(31).wrapping_add(*n);
        }
        for i in 0..self.loops {
            h = (h ^ ((h as u32) >> 13) as i32)
                .wrapping_mul(0x5bd1e995)
                .wrapping_add(i);
        }
        h
    }
}
impl Work for Cpu {
    fn make(&mut self, seq: u64, out: &mut Vec<u8>) {
        self.head(seq);
        out.clear();
        out.extend_from_slice(&self.buf);
        out.push(b'}');
    }
    fn check(&mut self, seq: u64, got: &[u8]) -> Option<String> {
        self.head(seq);
        let s = self.sum(seq);
        self.buf.extend_from_slice(b",\"sum\":");
        self.buf.extend_from_slice(s.to_string().as_bytes());
        self.buf.push(b'}');
        if got == self.buf {
            None
        } else {
            let n = self.buf.len();
            Some(format!(
                "wrong document, e.g. wanted ..{} got ..{}",
                show(&self.buf[n.saturating_sub(40)..]),
                show(&got[got.len().saturating_sub(40)..])
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn decimals_round_trip() {
        let mut b = [0u8; 12];
        put_dec(&mut b, 9_876_543_210);
        assert_eq!(get_dec(&b), Some(9_876_543_210));
        assert_eq!(get_dec(b"12a"), None);
        assert_eq!(get_dec(b""), None);
    }
    #[test]
    fn echo_check_is_exact() {
        let mut e = Echo::new(7, 64);
        let mut m = vec![];
        e.make(5, &mut m);
        assert_eq!(m.len(), 64);
        assert!(e.check(5, &m).is_none());
        assert!(e.check(6, &m).is_some());
        m[63] ^= 1;
        assert!(e.check(5, &m).is_some());
    }
    #[test]
    fn cpu_document_is_valid_and_near_its_size() {
        let mut c = Cpu::new(3, 4096, 2000);
        let mut m = vec![];
        c.make(9, &mut m);
        let v: serde_json::Value = serde_json::from_slice(&m).unwrap();
        assert_eq!(v["seq"], 9);
        assert!((3900..4400).contains(&m.len()), "{}", m.len());
        assert!(c.check(9, &m).is_some(), "the sum is missing");
    }
}
