//! Annotations beside what was rendered.

use std::fs;

use jobs::manifest::AnnotationRecord;
use jobs::message::Phase;
use jobs::task::{Annotation, Task};
use score::annotation::{self, Carried};

use crate::build::{BuildError, refusal};
use crate::publish::{self, PublishError};

/// An annotation as it is to be written.
pub(crate) struct Content {
    bytes: Vec<u8>,
    rewritten: bool,
}

/// Makes each annotation that of its take. Nothing is written yet.
pub(crate) fn carry(annotations: &[Annotation]) -> Result<Vec<Content>, BuildError> {
    let carried = |annotation: &Annotation| {
        let source = &annotation.source;
        let refused = |error: &dyn std::fmt::Display| refusal(Phase::Write, None, error);
        let bytes = fs::read(source).map_err(|error| refused(&format!("cannot read {}: {error}", source.display())))?;
        Ok(match annotation::carry(source, &bytes, &annotation.change).map_err(|error| refused(&error))? {
            Carried::Copied => Content { bytes, rewritten: false },
            Carried::Rewritten(bytes) => Content { bytes, rewritten: true },
        })
    };
    annotations.iter().map(carried).collect()
}

/// Writes each annotation, whole and lastingly, beside the files that it describes: in quarantine too.
pub(crate) fn publish(
    task: &Task,
    contents: Vec<Content>,
    in_quarantine: bool,
) -> Result<Vec<AnnotationRecord>, PublishError> {
    let root = task.checks.output_root.as_ref().filter(|_| in_quarantine);
    let written = |(annotation, Content { bytes, rewritten }): (&Annotation, Content)| {
        let path = root.map_or_else(|| annotation.path.clone(), |root| root.quarantined(&annotation.path));
        // Other tasks of the take may have written it; what stands already is not written again.
        if !fs::read(&path).is_ok_and(|stands| stands == bytes) {
            publish::bytes_named(&task.annotation_partial(&annotation.path), &path, &bytes)?;
        }
        Ok(AnnotationRecord {
            path,
            source: annotation.source.clone(),
            blake3: blake3::hash(&bytes).to_hex().to_string(),
            rewritten,
            change: annotation.change,
        })
    };
    task.annotations.iter().zip(contents).map(written).collect()
}
