//! Takes the guest's module apart: what its memory holds at the start, and the module without it.
//!
//! A guest is started by mapping a memory that somebody else has filled (an image). Whatever the
//! module itself would write into that memory or keep outside of it would be wrong then, so this
//! is also where the module is read from end to end and refused if it does either.

use std::ops::Range;

use wasm_encoder::{Module, RawSection, SectionId};
use wasmparser::{
    BinaryReaderError, DataKind, DataSectionReader, ElementKind, ElementSectionReader,
    FunctionBody, GlobalSectionReader, MemorySectionReader, Operator, Parser, Payload, TypeRef,
};

use crate::first;

/// A module, and apart from it what its memory begins with.
pub(crate) struct Split {
    /// The module without data segments.
    pub(crate) module: Vec<u8>,
    /// Where in memory `memory` begins; everything before it and after it is zero.
    pub(crate) offset: usize,
    /// From the first byte of the first data segment to the last of the last.
    pub(crate) memory: Vec<u8>,
}

/// Takes `module` apart, and puts the functions first that rooms call through pointers
/// (`first.rs`).
///
/// # Errors
/// It keeps state that is not in its one memory; says what and where.
pub(crate) fn split(module: &[u8]) -> Result<Split, String> {
    let first = first::functions(module);
    let mut rest = Module::new();
    let mut segments = Vec::new();
    let mut found = Found::default();
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload.map_err(unreadable)?;
        if let Some((id, range)) = payload.as_section()
            && id != SectionId::Data as u8
            && id != SectionId::DataCount as u8
        {
            let data = module
                .get(range)
                .ok_or("a section ends behind the module")?;
            let declared = (id == SectionId::Element as u8)
                .then(|| first::declared_first(&first, data))
                .flatten();
            let data = declared.as_deref().unwrap_or(data);
            rest.section(&RawSection { id, data });
        }
        match payload {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    import_is_harmless(import.map_err(unreadable)?.ty)?;
                }
            }
            Payload::MemorySection(memories) => found.memories(memories)?,
            Payload::GlobalSection(globals) => found.globals(globals)?,
            Payload::ElementSection(elements) => elements_are_active(elements)?,
            Payload::StartSection { .. } => {
                return Err("it has a start function, which would run on every image".to_owned());
            }
            Payload::DataSection(data) => segments = active_segments(data)?,
            Payload::CodeSectionEntry(body) => state_stays_in_memory(&body)?,
            _ => {}
        }
    }
    found.check()?;
    let (offset, memory) = flatten(&segments);
    Ok(Split {
        module: rest.finish(),
        offset,
        memory,
    })
}

#[derive(Default)]
struct Found {
    memories: usize,
    mutable_globals: usize,
}

impl Found {
    fn memories(&mut self, memories: MemorySectionReader<'_>) -> Result<(), String> {
        for memory in memories {
            let memory = memory.map_err(unreadable)?;
            if memory.memory64 || memory.shared {
                return Err("its memory is shared, or of 64 bits".to_owned());
            }
            self.memories += 1;
        }
        Ok(())
    }

    fn globals(&mut self, globals: GlobalSectionReader<'_>) -> Result<(), String> {
        for global in globals {
            self.mutable_globals += usize::from(global.map_err(unreadable)?.ty.mutable);
        }
        Ok(())
    }

    /// The one global that may change is the stack pointer: between two calls it is back where an
    /// instance begins.
    fn check(&self) -> Result<(), String> {
        match (self.memories, self.mutable_globals) {
            (1, 0 | 1) => Ok(()),
            (memories, globals) => Err(format!(
                "it has {memories} memories and {globals} mutable globals; an image holds one \
                 memory, and nothing but the stack pointer may be outside of it"
            )),
        }
    }
}

fn import_is_harmless(import: TypeRef) -> Result<(), String> {
    match import {
        TypeRef::Func(_) | TypeRef::FuncExact(_) => Ok(()),
        other => Err(format!(
            "it imports {other:?}; an image holds no imported state"
        )),
    }
}

fn elements_are_active(elements: ElementSectionReader<'_>) -> Result<(), String> {
    for element in elements {
        if matches!(element.map_err(unreadable)?.kind, ElementKind::Passive) {
            return Err("it has passive element segments".to_owned());
        }
    }
    Ok(())
}

/// The offset and the bytes of each segment.
fn active_segments(data: DataSectionReader<'_>) -> Result<Vec<(usize, &[u8])>, String> {
    data.into_iter()
        .map(|segment| {
            let segment = segment.map_err(unreadable)?;
            let DataKind::Active { offset_expr, .. } = segment.kind else {
                return Err("it has passive data segments".to_owned());
            };
            let mut offset = offset_expr.get_operators_reader();
            match offset.read().map_err(unreadable)? {
                Operator::I32Const { value } => Ok((value.cast_unsigned() as usize, segment.data)),
                other => Err(format!("a data segment begins at {other:?}")),
            }
        })
        .collect()
}

/// Instructions whose effect lies neither in the memory nor on the stack.
fn state_stays_in_memory(body: &FunctionBody<'_>) -> Result<(), String> {
    for operator in body.get_operators_reader().map_err(unreadable)? {
        let operator = operator.map_err(unreadable)?;
        if matches!(
            operator,
            Operator::MemoryInit { .. }
                | Operator::DataDrop { .. }
                | Operator::TableInit { .. }
                | Operator::ElemDrop { .. }
                | Operator::TableSet { .. }
                | Operator::TableGrow { .. }
                | Operator::TableFill { .. }
                | Operator::TableCopy { .. }
        ) {
            return Err(format!(
                "the function at byte {} contains {operator:?}, whose effect no image holds",
                body.range().start
            ));
        }
    }
    Ok(())
}

fn flatten(segments: &[(usize, &[u8])]) -> (usize, Vec<u8>) {
    let span = |(offset, bytes): &(usize, &[u8])| -> Range<usize> { *offset..offset + bytes.len() };
    let begin = segments.iter().map(|s| span(s).start).min().unwrap_or(0);
    let end = segments.iter().map(|s| span(s).end).max().unwrap_or(0);
    let mut memory = vec![0; end - begin];
    for segment in segments {
        let span = span(segment);
        memory[span.start - begin..span.end - begin].copy_from_slice(segment.1);
    }
    (begin, memory)
}

fn unreadable(error: BinaryReaderError) -> String {
    format!("it cannot be read: {error}")
}
