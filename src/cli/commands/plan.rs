//! `stagefreight plan`: what will be built and every destination, each with why.

use crate::ci::PipelineContext;
use crate::cli::gather::{Gathered, gather};
use crate::cli::perform::masked;
use crate::cli::session::Session;
use crate::config::TagPolicy;
use crate::error::Result;
use crate::plan::{BuildStep, BuilderKind, FileStep, Plan, PlannedCache, PlannedDestination, StepWork};
use crate::report::{Table, counted, place_and_name};

/// Characters that the names of one place take at most; the JSON has all of them.
const WIDEST: usize = 100;

/// Runs it.
pub fn run(session: &Session) -> Result<()> {
    let gathered = session.block_on(gather(session))?;
    session.print_file(&masked(&gathered.plan), |_| screen(&gathered))
}

fn screen(gathered: &Gathered) -> String {
    let Gathered { config, context, git: _, repository: _, plan } = gathered;
    let mut table = Table::indented(2);
    table.row(["version", &plan.version.version, &plan.version.why]);
    if config.assumed {
        table.row(["assume", "", "no .stagefreight.yml: one image from the one Dockerfile, published nowhere"]);
    }
    for step in &plan.builds {
        let builder = match step.builder.kind {
            BuilderKind::Buildx => "buildkit",
            BuilderKind::Embedded => "embedded builder",
            BuilderKind::Adopted => "taken over",
        };
        table.row(["build", &step.id, &step.platforms.join(" "), builder, &step.builder.why]);
        caches(&mut table, step);
    }
    for step in &plan.files {
        file(&mut table, step);
    }
    for group in groups(&plan.destinations) {
        place(&mut table, &group);
    }
    for skipped in &plan.skipped {
        table.row(["skip", &skipped.publish, &skipped.why]);
    }
    format!("{}\n{}", headline(plan, context), table.render())
}

/// A program, an archive, a command.
fn file(table: &mut Table, step: &FileStep) {
    let why = if step.needs.is_empty() { String::new() } else { format!("after {}", step.needs.join(", ")) };
    match &step.work {
        StepWork::Binary(work) => table.row(["build", &step.name, &work.platform, work.toolchain.name(), &why]),
        StepWork::Archive(work) => table.row(["pack", &step.name, "", work.format.name(), &why]),
        StepWork::Command(_) => table.row(["run", &step.name, "", "command", &why]),
    }
}

/// Caches in order of precedence; one that is read and written is named once.
fn caches(table: &mut Table, step: &BuildStep) {
    let PlannedCache { mode, from, to } = &step.cache;
    let mut head = ("cache", step.id.as_str(), mode.as_str());
    let written = |name: &str| to.iter().any(|cache| cache.name == name);
    let read = |name: &str| from.iter().any(|cache| cache.name == name);
    let reads = from.iter().map(|cache| (&cache.name, if written(&cache.name) { "reads and writes" } else { "reads" }));
    let writes = to.iter().filter(|cache| !read(&cache.name)).map(|cache| (&cache.name, "writes"));
    for (name, does) in reads.chain(writes) {
        let (verb, id, mode) = std::mem::take(&mut head);
        table.row([verb, id, mode, does, name]);
    }
}

fn headline(plan: &Plan, context: &PipelineContext) -> String {
    let what = match (&plan.tag, &plan.branch, &context.pull_request) {
        (Some(tag), _, _) => format!("tag {tag}"),
        (None, Some(branch), _) => format!("branch {branch}"),
        (None, None, Some(pr)) => {
            let number = pr.number.map_or_else(String::new, |number| format!(" {number}"));
            format!("pull request{number}{}", if pr.fork { " of a fork" } else { "" })
        }
        (None, None, None) => "detached".to_owned(),
    };
    // An event that the ref does not already say.
    let event = if matches!(plan.event.as_str(), "push" | "tag" | "merge_request") { String::new() } else { format!("{}, ", plan.event) };
    let sha: String = plan.commit.chars().take(7).collect();
    let builds = counted(plan.build_count(), "build");
    let destinations = match plan.destinations.len() {
        0 => "no destinations".to_owned(),
        n => counted(n, "destination"),
    };
    format!("plan  {}  {}  ({event}{what}, {sha}, {})  {builds} → {destinations}", plan.project, plan.version.version, plan.provider)
}

/// Destinations of one publish entry in one repository, in document order.
fn groups(destinations: &[PlannedDestination]) -> Vec<Vec<&PlannedDestination>> {
    let mut groups: Vec<Vec<&PlannedDestination>> = Vec::new();
    for destination in destinations {
        let same = |group: &&mut Vec<&PlannedDestination>| {
            group.first().is_some_and(|first| {
                (&first.publish, &first.target, &first.path) == (&destination.publish, &destination.target, &destination.path)
            })
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(destination),
            None => groups.push(vec![destination]),
        }
    }
    groups
}

fn place(table: &mut Table, group: &[&PlannedDestination]) {
    let Some(first) = group.first() else { return };
    let split = |destination: &PlannedDestination| {
        let (place, name) = place_and_name(&destination.name, &destination.path, &destination.tag);
        (place.to_owned(), name.to_owned())
    };
    let mut head = ("place", split(first).0, first.why.as_str());
    for policy in [TagPolicy::Immutable, TagPolicy::Forward, TagPolicy::Any] {
        let names: Vec<String> =
            group.iter().filter(|destination| destination.policy == policy).map(|destination| split(destination).1).collect();
        if names.is_empty() {
            continue;
        }
        let (verb, place, why) = std::mem::take(&mut head);
        table.row([verb, &place, &some_of(&names), &manner(policy, first), why]);
    }
}

/// The names, or as many as fit on a line that is read.
fn some_of(names: &[String]) -> String {
    let mut width = 0;
    let fits = |name: &&String| {
        width += name.chars().count() + 2;
        width <= WIDEST
    };
    // One is told in any case.
    let told = names.iter().take_while(fits).count().max(1);
    match names.len() - told {
        0 => names.join(", "),
        more => format!("{}, … and {more} more", names[..told].join(", ")),
    }
}

fn manner(policy: TagPolicy, destination: &PlannedDestination) -> String {
    let mut words = vec![match policy {
        TagPolicy::Immutable => "immutable",
        TagPolicy::Forward => "moves forward",
        TagPolicy::Any => "moves",
    }];
    let requires = destination.requires;
    words.extend(
        [(requires.sign, "signed"), (requires.attest, "attested"), (requires.sbom, "sbom")]
            .iter()
            .filter(|(on, _)| *on)
            .map(|(_, word)| *word),
    );
    if !destination.required {
        words.push("best effort");
    }
    let rendition = destination.rendition.to_string();
    if !rendition.is_empty() {
        words.push(&rendition);
    }
    words.join(", ")
}
