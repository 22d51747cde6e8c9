//! Runs the steps of a plan: images one after the other, since each uses the whole machine, and what makes files beside
//! them, on every core.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use tokio_util::sync::CancellationToken;

use super::files::InImages;
use super::from::Adoption;
use super::{Made, MadeFile, adopt, failed, files, make};
use crate::build::binary::{FileCx, Toolbox, image_of};
use crate::build::dag::{self, End, Node};
use crate::cli::gather::Gathered;
use crate::cli::session::Session;
use crate::cli::wire::Wiring;
use crate::core::Digest;
use crate::error::{Error, Kind, Result};
use crate::event::Event;
use crate::plan::{BuildStep, FileStep};
use crate::store::ContentStore;

/// What the steps are run with.
pub(super) struct Execution<'a> {
    pub session: &'a Session,
    pub gathered: &'a Gathered,
    pub wiring: &'a Wiring,
    pub store: &'a ContentStore,
    /// Images that others built.
    pub adoption: Option<&'a Adoption>,
    /// What an immutable destination holds of this commit may be taken instead of building.
    pub may_adopt: bool,
}

/// Images that are there already: build id → layout and root.
type Layouts = BTreeMap<String, (PathBuf, Digest)>;

/// One end of a step.
enum Done {
    Image(Box<Made>),
    Files(Vec<MadeFile>),
}

impl Execution<'_> {
    /// Runs them, as many at a time as there are cores, each when what it needs is there.
    ///
    /// # Errors
    /// Of the first required step that failed, after those that ran have come to their end. A step that is not required
    /// is a warning.
    pub async fn run(&self, images: &[BuildStep], steps: &[FileStep]) -> Result<(Vec<Made>, Vec<MadeFile>)> {
        let session = self.session;
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let toolbox = Toolbox::open(&session.world, &session.directory, steps, &session.cancel).await?;
        // What makes files is ended when a required step fails; an image that is being built comes to its end.
        let cancel = session.cancel.child_token();
        let cx = FileCx {
            world: &session.world,
            workspace: &session.directory,
            toolbox: &toolbox,
            cancel: &cancel,
            events: &session.events,
            threads: cores,
        };
        let layouts = Mutex::new(Layouts::new());
        let nodes = nodes(images, steps);
        let start = |at: usize| {
            let (cx, layouts) = (&cx, &layouts);
            async move {
                match images.get(at) {
                    Some(step) => self.image(step, layouts).await.map(|made| Done::Image(Box::new(made))),
                    None => match steps.get(at - images.len()) {
                        Some(step) => files::make(session, self.in_images(layouts), cx, step).await.map(Done::Files),
                        None => Err(Error::failed("a step vanished")),
                    },
                }
            }
        };
        let ends = dag::run(&nodes, cores, start, || cancel.cancel()).await;
        crate::fs::remove_tree(&session.path(crate::names::path::MAKING))?;
        let name = |at: usize| match images.get(at) {
            Some(step) => step.id.clone(),
            None => steps.get(at - images.len()).map(|step| step.name.clone()).unwrap_or_default(),
        };
        self.collect(ends, &nodes, &name, &cancel)
    }

    fn in_images(&self, layouts: &Mutex<Layouts>) -> InImages<'_> {
        let made = layouts.lock().unwrap_or_else(PoisonError::into_inner).clone();
        InImages { wiring: self.wiring, repository: &self.gathered.plan.repository, made }
    }

    async fn image(&self, step: &BuildStep, layouts: &Mutex<Layouts>) -> Result<Made> {
        let title = format!("build {}", step.id);
        self.session.events.emit(Event::GroupStarted { title: title.clone() });
        let started = Instant::now();
        let earlier = layouts.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let outcome = self.image_of(step, earlier).await;
        outcome.as_ref().err().into_iter().for_each(|error| failed::annotate(self.session, error));
        self.session.events.emit(Event::GroupFinished { title, elapsed: started.elapsed() });
        let made = outcome?;
        let layout = (self.store.entry_path(&made.digest), made.digest.clone());
        layouts.lock().unwrap_or_else(PoisonError::into_inner).insert(step.id.clone(), layout);
        Ok(made)
    }

    async fn image_of(&self, step: &BuildStep, earlier: Layouts) -> Result<Made> {
        let Self { session, gathered, wiring, store, adoption, may_adopt } = self;
        if let Some(adoption) = adoption
            && let Some(taken) = adoption.image(session, store, step)?
        {
            return Ok(taken);
        }
        if *may_adopt && let Some(adopted) = adopt::adopt(session, &gathered.plan, wiring, store, step).await? {
            return Ok(adopted);
        }
        make::make(session, &gathered.plan, wiring, store, earlier, step).await
    }

    fn collect(
        &self,
        ends: Vec<End<Done>>,
        nodes: &[Node],
        name: &dyn Fn(usize) -> String,
        stopped: &CancellationToken,
    ) -> Result<(Vec<Made>, Vec<MadeFile>)> {
        let (mut images, mut files) = (Vec::new(), Vec::new());
        let mut first: Option<Error> = None;
        let interrupted = self.session.cancel.is_cancelled();
        for (at, end) in ends.into_iter().enumerate() {
            let required = nodes[at].required;
            let error = match end {
                End::Done(Done::Image(made)) => {
                    images.push(*made);
                    continue;
                }
                End::Done(Done::Files(made)) => {
                    files.extend(made);
                    continue;
                }
                End::NotStarted => continue,
                End::Failed(error) => error,
                End::Blocked(by) => Error::failed(format!("build {} was not made: it needs {}, which failed", name(at), name(by)))
                    .hint("correct what failed first"),
            };
            if !required && !interrupted {
                let hint = error.hint_text().map(str::to_owned);
                self.session.events.warn(format!("build {} failed and is not required: {error}", name(at)), hint);
                continue;
            }
            // What was ended because another failed says nothing of its own.
            let consequence = stopped.is_cancelled() && !interrupted && matches!(error.kind(), Kind::Terminated | Kind::Interrupted);
            if first.as_ref().is_none_or(|first| matches!(first.kind(), Kind::Terminated | Kind::Interrupted) && !consequence) {
                first = Some(error);
            }
        }
        match first {
            Some(error) => Err(error),
            None => Ok((images, files)),
        }
    }
}

/// Images first, then what makes files; needs by position. What this run does not make is not waited for.
fn nodes(images: &[BuildStep], steps: &[FileStep]) -> Vec<Node> {
    let image_at = |id: &str| images.iter().position(|step| step.id == id);
    let of_images = images.iter().map(|step| {
        let needs = step.depends_on.iter().flat_map(|id| {
            let files = steps.iter().enumerate().filter(|(_, file)| file.build == *id).map(|(at, _)| images.len() + at);
            image_at(id).into_iter().chain(files).collect::<Vec<_>>()
        });
        Node { needs: needs.collect(), required: step.required, alone: true }
    });
    let of_files = steps.iter().map(|step| {
        let needs = step.needs.iter().filter_map(|id| match id.strip_prefix("docker:") {
            Some(image) => image_at(image),
            None => steps.iter().position(|other| other.id() == *id).map(|at| images.len() + at),
        });
        Node { needs: needs.collect(), required: step.required, alone: image_of(step).is_some() }
    });
    of_images.chain(of_files).collect()
}
