//! What this run is called: the name of its journal.

use super::session::Session;
use crate::ci::PipelineContext;

/// The pipeline's id, job and attempt, or something random on a person's machine.
pub fn run_id(session: &Session, context: &PipelineContext) -> String {
    let Some(pipeline) = &context.pipeline_id else { return format!("local-{}", session.world.random_hex(4)) };
    let job = context.job_id.as_deref().unwrap_or("job");
    let attempt = context.attempt.map(|attempt| format!("-{attempt}")).unwrap_or_default();
    format!("{pipeline}-{job}{attempt}")
}
