//! The steps of a build as a table, from the text of `--progress=plain` (spec/build.md C.8).

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use regex::Regex;

use super::plain::{Line, Said};

/// Details longer than this many bytes are cut.
const MAX_DETAIL: usize = 60;

/// One finished step of a Dockerfile.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LayerEvent {
    /// `builder`, `linux/amd64 builder`, or empty.
    pub stage: String,
    /// `2/5`.
    pub stage_step: String,
    /// `RUN`, `COPY`, `FROM`.
    pub instruction: String,
    /// What follows the instruction, at most 60 bytes.
    pub detail: String,
    /// It was in the cache.
    pub cached: bool,
    /// How long it took; none when nothing was said, or no time at all.
    pub duration: Option<Duration>,
    /// The image of a FROM, without its digest and the stage's name.
    pub image: String,
}

#[expect(clippy::unwrap_used, reason = "the pattern is a constant, which the tests compile")]
static FROM: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"FROM\s+(\S+?)(?:@sha256:[a-f0-9]+)?(?:\s+AS\s+\S+)?$").unwrap());

/// Finished steps in the order of their numbers. A step whose end is not in the text is left out.
pub fn layer_events(text: &str) -> Vec<LayerEvent> {
    let mut steps: BTreeMap<u64, (LayerEvent, bool)> = BTreeMap::new();
    for line in text.lines() {
        let Some(Line { number, said }) = Line::read(line.trim()) else { continue };
        match said {
            Said::Opens { stage, position, instruction, detail } => {
                let image = image_of(instruction, detail).unwrap_or_default();
                let event = LayerEvent {
                    stage: stage.to_owned(),
                    stage_step: position.to_owned(),
                    instruction: instruction.to_owned(),
                    detail: cut(detail),
                    image,
                    ..LayerEvent::default()
                };
                steps.insert(number, (event, false));
            }
            Said::Cached | Said::Done(_) => {
                let Some((event, done)) = steps.get_mut(&number) else { continue };
                *done = true;
                match said {
                    Said::Done(elapsed) => event.duration = Some(elapsed).filter(|elapsed| !elapsed.is_zero()),
                    _ => event.cached = true,
                }
            }
            _ => {}
        }
    }
    steps.into_values().filter(|(event, done)| *done && !event.instruction.is_empty()).map(|(event, _)| event).collect()
}

fn image_of(instruction: &str, detail: &str) -> Option<String> {
    let text = format!("FROM {detail}");
    let image = FROM.captures(&text).filter(|_| instruction == "FROM")?.get(1)?;
    Some(image.as_str().to_owned())
}

// 57 bytes and three dots; never half a character.
fn cut(detail: &str) -> String {
    if detail.len() <= MAX_DETAIL {
        return detail.to_owned();
    }
    let mut end = MAX_DETAIL - 3;
    while !detail.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}...", &detail[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(stage: &str, stage_step: &str, instruction: &str, detail: &str) -> LayerEvent {
        LayerEvent {
            stage: stage.into(),
            stage_step: stage_step.into(),
            instruction: instruction.into(),
            detail: detail.into(),
            ..LayerEvent::default()
        }
    }

    #[test]
    fn reads_what_the_table_of_the_specification_says() {
        let text = "
#1 [internal] load build definition from Dockerfile
#1 DONE 0.1s
  #5 [builder 1/3] FROM docker.io/library/golang:1.26@sha256:0123abcd
#5 CACHED
#7 [linux/amd64 builder 2/5] RUN go build ./...
#7 12.34 compiling
#7 DONE 31.5s
#6 [2/3] COPY . /src
#6 DONE 0.0s
#8 [ 3/3] RUN never ends
#9 exporting to oci image format
#9 DONE 0.4s
#10 [stage-1 1/1] FROM alpine AS base
#10 DONE 2s
#11 [a 1/2] RUN one
#11 [a 2/2] RUN two
#11 DONE 1s
";
        let seconds = |seconds| Some(Duration::from_secs_f64(seconds));
        assert_eq!(
            layer_events(text),
            [
                LayerEvent {
                    cached: true,
                    image: "docker.io/library/golang:1.26".into(),
                    ..event("builder", "1/3", "FROM", "docker.io/library/golang:1.26@sha256:0123abcd")
                },
                event("", "2/3", "COPY", ". /src"),
                LayerEvent { duration: seconds(31.5), ..event("linux/amd64 builder", "2/5", "RUN", "go build ./...") },
                LayerEvent { duration: seconds(2.0), image: "alpine".into(), ..event("stage-1", "1/1", "FROM", "alpine AS base") },
                LayerEvent { duration: seconds(1.0), ..event("a", "2/2", "RUN", "two") },
            ]
        );
    }

    #[test]
    fn a_long_detail_is_cut_after_the_image_was_taken_from_it() {
        let reference = format!("registry.example.com/group/project/with/a/long/name/image:1@sha256:{}", "a".repeat(64));
        let events = layer_events(&format!("#2 [1/1] FROM {reference}\n#2 DONE 0.5s\n"));
        assert_eq!(events[0].image, "registry.example.com/group/project/with/a/long/name/image:1");
        assert_eq!((events[0].detail.len(), &events[0].detail[57..]), (60, "..."));
        let long = format!("#2 [1/1] RUN {}\n#2 DONE 0.5s\n", "ä".repeat(40));
        assert_eq!(layer_events(&long)[0].detail, format!("{}...", "ä".repeat(28)));
        let fits = format!("#2 [1/1] RUN {}\n#2 DONE 0.5s\n", "x".repeat(60));
        assert_eq!(layer_events(&fits)[0].detail.len(), 60);
    }
}
