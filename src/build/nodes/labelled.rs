//! Progress of calls that run side by side, told apart.

use crate::event::{Event, Events, Sink};
use std::sync::Arc;

/// Events under a label: what a build says becomes what `build label` says.
pub fn labelled(events: &Events, label: &str) -> Events {
    Events::new(Arc::new(Labelled { to: events.clone(), label: label.to_owned() }))
}

struct Labelled {
    to: Events,
    label: String,
}

impl Sink for Labelled {
    fn emit(&self, event: Event) {
        let label = &self.label;
        self.to.emit(match event {
            Event::Step { build, name, state, elapsed } => Event::Step { build: format!("{build} {label}"), name, state, elapsed },
            Event::Output { source, line } => Event::Output { source: format!("{source} {label}"), line },
            Event::Note { level, text, hint } => Event::Note { level, text: format!("{label}: {text}"), hint },
            Event::Transfer { id, label: what, done, total } => {
                Event::Transfer { id: format!("{label} {id}"), label: format!("{label} {what}"), done, total }
            }
            other => other,
        });
    }
}
