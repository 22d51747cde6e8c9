//! References that backends with directories, case or separators of their own confuse.

use super::{Checked, Cx, expect};
use crate::core::artifact_ref::{BAD_REFS, Ref};

pub(super) async fn nested(cx: &Cx<'_>) -> Checked {
    for (home, names) in [("down", ["a", "a/b", "a/b/c"]), ("up", ["a/b/c", "a/b", "a"])] {
        for name in names {
            cx.put(&cx.at(&format!("{home}/{name}"))?, name.as_bytes(), home.as_bytes()).await?;
        }
        for name in names {
            cx.holds(&cx.at(&format!("{home}/{name}"))?, name.as_bytes(), home.as_bytes()).await?;
        }
    }
    Ok(())
}

pub(super) async fn parent(cx: &Cx<'_>) -> Checked {
    cx.put(&cx.at("a/b")?, b"data", b"{}").await?;
    // Only a directory, in backends that have them.
    cx.absent(&cx.at("a")?).await?;
    // The parent is an object.
    cx.absent(&cx.at("a/b/c")?).await?;
    cx.absent(&cx.at("a/b/c/d")?).await?;
    cx.holds(&cx.at("a/b")?, b"data", b"{}").await
}

pub(super) async fn sidecar(cx: &Cx<'_>) -> Checked {
    let names = ["x", "x.manifest.json", "x.manifest", "x.json", "x.tmp"];
    for name in names {
        cx.put(&cx.at(name)?, format!("data of {name}").as_bytes(), format!("manifest of {name}").as_bytes()).await?;
    }
    for name in names {
        cx.holds(&cx.at(name)?, format!("data of {name}").as_bytes(), format!("manifest of {name}").as_bytes()).await?;
    }
    Ok(())
}

pub(super) async fn alike(cx: &Cx<'_>) -> Checked {
    let long = "l".repeat(190);
    let long = [long.as_str(); 5].join("/");
    let mut names: Vec<String> =
        ["q_r", "q-r", "q.r", "q/r", "Q_r", "q__r", "q_.r", "q_/r", "q/_r", "a.", "a..", "a", "A", "0", "00", "_", "__"]
            .iter()
            .map(|name| (*name).to_owned())
            .collect();
    names.extend([format!("{long}1"), format!("{long}2"), format!("{long}1/x")]);
    for name in &names {
        cx.put(&cx.at(name)?, name.as_bytes(), b"{}").await?;
    }
    for name in &names {
        cx.holds(&cx.at(name)?, name.as_bytes(), b"{}").await?;
    }
    let listed = cx.store.list(Some(&Ref::parse(cx.home).map_err(|error| error.to_string())?), &cx.call).await?;
    expect(listed.len() == names.len(), || format!("{} of {} are listed", listed.len(), names.len()))
}

pub(super) async fn bad(cx: &Cx<'_>) -> Checked {
    // Put, get and exists take a `Ref`, so that a text which is none cannot reach them.
    for text in BAD_REFS {
        expect(Ref::parse(text).is_err(), || format!("{text:?} was taken for a reference"))?;
    }
    for text in ["x".repeat(300), "y/".repeat(600) + "y"] {
        expect(Ref::parse(&text).is_err(), || format!("{} bytes were taken for a reference", text.len()))?;
    }
    let listed = cx.store.list(None, &cx.call).await?;
    expect(listed.iter().all(|at| Ref::parse(at.as_str()).is_ok()), || "a name that is no reference is listed".to_owned())
}
