//! Which build of the config an image is: what `--from BUILD=PATH` says, else the target of a bake file, else its name,
//! else the only build there is.

use std::collections::BTreeMap;

use super::{Source, Taken};
use crate::build::adopt::{Found, FoundImage, ImageClaim};
use crate::config::Config;
use crate::error::{Error, Result};

/// Every image with its build.
///
/// # Errors
/// Kind `Usage` when that cannot be told; `Failed` when a metadata file speaks of an image that is not there.
pub(super) fn assign(sources: &[Source], found: &[Found], config: &Config) -> Result<BTreeMap<String, Taken>> {
    check_claims(found)?;
    let claims: Vec<&ImageClaim> = found.iter().flat_map(|found| &found.claims).collect();
    let ids: Vec<&str> = config.builds.keys().map(String::as_str).collect();
    let all = found.iter().map(|found| found.images.len()).sum::<usize>();
    let mut assigned: BTreeMap<String, Taken> = BTreeMap::new();
    for (source, found) in sources.iter().zip(found) {
        if let Some(build) = &source.build {
            check_named(build, found, &ids)?;
        }
        for image in &found.images {
            let names: Vec<&str> = image.names.iter().map(String::as_str).chain(names_claimed(&claims, image)).collect();
            let target = claims.iter().filter(|claim| claim.digest == image.root).find_map(|claim| claim.target.as_deref());
            let known = |id: &&str| ids.contains(id);
            let only = || <[&str; 1]>::try_from(ids.clone()).ok().map(|[id]| id).filter(|_| all == 1);
            let build =
                source.build.as_deref().or(target.filter(known)).or_else(|| names.iter().map(|name| short(name)).find(known)).or_else(only);
            let Some(build) = build else { return Err(unassigned(found, image, &names, &ids)) };
            let taken = Taken { image: image.clone(), by: found.by() };
            if let Some(other) = assigned.insert(build.to_owned(), taken) {
                return Err(Error::usage(format!(
                    "build `{build}` has two images: {} of {} and {} of {}",
                    other.image.root.short(),
                    other.by,
                    image.root.short(),
                    found.by()
                ))
                .hint("name one, or say which is which: --from BUILD=PATH"));
            }
        }
    }
    Ok(assigned)
}

fn names_claimed<'a>(claims: &[&'a ImageClaim], image: &FoundImage) -> Vec<&'a str> {
    claims.iter().filter(|claim| claim.digest == image.root).flat_map(|claim| &claim.names).map(String::as_str).collect()
}

// The last part of a reference's path, without tag and digest.
fn short(name: &str) -> &str {
    let name = name.split('@').next().unwrap_or(name);
    let last = name.rsplit('/').next().unwrap_or(name);
    last.split(':').next().unwrap_or(last)
}

fn check_named(build: &str, found: &Found, ids: &[&str]) -> Result<()> {
    if !ids.contains(&build) {
        let hint = if ids.is_empty() {
            "the config has no build of an image: declare it below `builds:`".to_owned()
        } else {
            format!("builds of images: {}", ids.join(", "))
        };
        return Err(Error::usage(format!("there is no build `{build}` for {}", found.shown)).hint(hint));
    }
    match found.images.len() {
        1 => Ok(()),
        0 => {
            Err(Error::usage(format!("{} holds no image, so it is not build `{build}`", found.shown))
                .hint("leave the build out: --from PATH"))
        }
        many => Err(Error::usage(format!("{} holds {many} images, and build `{build}` is one", found.shown))
            .hint("save them one by one, or name them so that the last part is the build's id: acme/app for `app`")),
    }
}

fn check_claims(found: &[Found]) -> Result<()> {
    for one in found {
        for claim in &one.claims {
            if !found.iter().flat_map(|found| &found.images).any(|image| image.root == claim.digest) {
                return Err(Error::failed(format!("{} says that {} was built, and no image beside it is that", one.shown, claim.digest))
                    .hint("name the archive or layout of the same build too: --from image.tar --from metadata.json"));
            }
        }
    }
    Ok(())
}

fn unassigned(found: &Found, image: &FoundImage, names: &[&str], ids: &[&str]) -> Error {
    let called = if names.is_empty() { "which has no name".to_owned() } else { format!("called {}", names.join(", ")) };
    let error = Error::usage(format!("{}: image {}, {called}, is none of the config's builds", found.shown, image.root.short()));
    match ids {
        [] => error.hint("declare it: `builds: { app: { kind: docker } }` in .stagefreight.yml, and say where it goes below `publish:`"),
        ids => error.hint(format!("say which it is: --from {}={}   (builds: {})", ids[0], found.shown, ids.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_last_part_of_a_reference_is_its_short_name() {
        for (name, expected) in
            [("docker.io/acme/app:1.2", "app"), ("localhost:5000/app", "app"), ("app@sha256:00", "app"), ("app", "app"), ("1.2", "1.2")]
        {
            assert_eq!(super::short(name), expected, "{name}");
        }
    }
}
