//! Which images go: those a rule takes, that no container which stays uses, that nothing protects, and that no image
//! which stays was made from.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::inventory::{Container, Image};
use super::plan::{Item, Kept, Kind, Plan};
use super::policy::Policy;
use crate::core::{Timestamp, duration};

/// Adds what goes and what would have.
pub fn choose(images: &[Image], staying: &[&Container], policy: &Policy, now: Timestamp, plan: &mut Plan) {
    let children = children(images);
    let mut going: HashMap<&str, String> = HashMap::new();
    for image in images {
        let is_layer_of_others = image.is_unnamed() && children.contains_key(image.id.as_str());
        let Some(why) = rule(image, policy, now).filter(|_| !is_layer_of_others) else { continue };
        match reason_to_stay(image, staying, policy) {
            Some(why) => plan.kept.push(Kept { id: image.id.clone(), names: image.names(), why }),
            None => drop(going.insert(&image.id, why)),
        }
    }
    // What others are made from stays with them.
    loop {
        let needed: Vec<&str> = going
            .keys()
            .copied()
            .filter(|id| children.get(id).is_some_and(|made| made.iter().any(|child| !going.contains_key(child))))
            .collect();
        if needed.is_empty() {
            break;
        }
        for id in needed {
            going.remove(id);
            if let Some(image) = images.iter().find(|image| image.id == id) {
                let why = "an image that stays was made from it".to_owned();
                plan.kept.push(Kept { id: id.to_owned(), names: image.names(), why });
            }
        }
    }
    // And what only they were made from goes with them: the layers of the old builder, images without a name.
    loop {
        let lonely = images.iter().filter(|image| {
            image.is_unnamed()
                && !going.contains_key(image.id.as_str())
                && children.get(image.id.as_str()).is_some_and(|made| made.iter().all(|child| going.contains_key(child)))
                && reason_to_stay(image, staying, policy).is_none()
        });
        let lonely: Vec<&Image> = lonely.collect();
        if lonely.is_empty() {
            break;
        }
        going.extend(lonely.into_iter().map(|image| (image.id.as_str(), "only images that go were made from it".to_owned())));
    }
    plan.items.extend(in_order(images, &going, &children));
}

/// Images by the one they were made from.
fn children(images: &[Image]) -> HashMap<&str, Vec<&str>> {
    let mut children: HashMap<&str, Vec<&str>> = HashMap::new();
    for image in images.iter().filter(|image| !image.parent.is_empty() && image.parent != image.id) {
        children.entry(&image.parent).or_default().push(&image.id);
    }
    children
}

/// The rule that takes an image. Its age counts from when it was made or last got a name here, whichever is later: an
/// image pulled or built yesterday is not old because its config says so.
fn rule(image: &Image, policy: &Policy, now: Timestamp) -> Option<String> {
    let since = image.created.max(image.tagged)?;
    let age = now.since(since);
    let takes = |older: Option<Duration>| older.is_some_and(|older| age >= older);
    if image.is_unnamed() && takes(policy.dangling) {
        return Some(format!("without a name for {}", duration::human(age)));
    }
    takes(policy.unreferenced).then(|| format!("used by no container, {} old", duration::human(age)))
}

fn reason_to_stay(image: &Image, staying: &[&Container], policy: &Policy) -> Option<String> {
    if let Some(entry) = policy.protects(image) {
        return Some(format!("protected by `{entry}`"));
    }
    staying.iter().find(|container| image.is_of(container)).map(|container| format!("container {} uses it", container.name))
}

/// Those that go, each before what it was made from, else as the engine lists them.
fn in_order(images: &[Image], going: &HashMap<&str, String>, children: &HashMap<&str, Vec<&str>>) -> Vec<Item> {
    let mut waiting: Vec<&Image> = images.iter().filter(|image| going.contains_key(image.id.as_str())).collect();
    let mut done: HashSet<&str> = HashSet::new();
    let mut items = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let ready = |image: &&Image| children.get(image.id.as_str()).is_none_or(|made| made.iter().all(|child| done.contains(child)));
        let (mut now, mut later): (Vec<&Image>, Vec<&Image>) = waiting.into_iter().partition(ready);
        if now.is_empty() {
            // A circle, which no engine has: as they come.
            now = std::mem::take(&mut later);
        }
        done.extend(now.iter().map(|image| image.id.as_str()));
        items.extend(now.iter().map(|image| Item {
            kind: Kind::Image,
            id: image.id.clone(),
            names: image.names(),
            size: image.size.saturating_sub(image.shared),
            why: going.get(image.id.as_str()).cloned().unwrap_or_default(),
        }));
        waiting = later;
    }
    items
}

impl Image {
    /// Dangling: neither a tag nor a digest names it.
    pub fn is_unnamed(&self) -> bool {
        self.tags.is_empty() && self.digests.is_empty()
    }

    /// Tags, or where there are none the names with digests.
    pub fn names(&self) -> Vec<String> {
        if self.tags.is_empty() { self.digests.clone() } else { self.tags.clone() }
    }

    /// Was the container made from it? By id, or by a name that is its now: rather too many than too few.
    pub fn is_of(&self, container: &Container) -> bool {
        let reference = container.reference.as_str();
        let same = |name: &String| name == reference || name.strip_suffix(":latest") == Some(reference);
        self.id == container.image
            || self.id == reference
            || (!reference.is_empty() && self.tags.iter().chain(&self.digests).any(same))
            || self.digests.iter().any(|name| name.split_once('@').is_some_and(|(_, digest)| digest == container.image))
    }
}

#[cfg(test)]
mod tests {
    use super::super::inventory::Inventory;
    use super::super::plan::plan;
    use super::super::policy::tests::policy;
    use super::*;

    const NOW: i64 = 1_000_000;

    fn image(id: &str, tags: &[&str], age: i64) -> Image {
        Image {
            id: id.to_owned(),
            tags: tags.iter().map(|&tag| tag.to_owned()).collect(),
            created: Some(Timestamp::from_unix(NOW - age)),
            ..Image::default()
        }
    }

    fn made_from(parent: &str, image: Image) -> Image {
        Image { parent: parent.to_owned(), ..image }
    }

    fn planned(images: Vec<Image>, containers: Vec<Container>, protect: &[&str]) -> (Vec<String>, Vec<(String, String)>) {
        let found = Inventory { containers, images, ..Inventory::default() };
        let plan = plan(&found, &policy(protect), Timestamp::from_unix(NOW));
        let gone = plan.items.iter().filter(|item| item.kind == Kind::Image).map(|item| item.id.clone()).collect();
        (gone, plan.kept.iter().map(|kept| (kept.id.clone(), kept.why.clone())).collect())
    }

    #[test]
    fn age_protection_and_use_decide() {
        let used = |id: &str, reference: &str, ended: bool, finished: i64| Container {
            id: format!("c-{id}"),
            name: format!("c-{id}"),
            image: id.to_owned(),
            reference: reference.to_owned(),
            ended,
            finished: Some(Timestamp::from_unix(NOW - finished)),
            ..Container::default()
        };
        let mut retagged = image("retagged", &["x:1"], 9999);
        retagged.tagged = Some(Timestamp::from_unix(NOW - 5));
        let mut unknown = image("unknown", &["y:1"], 0);
        unknown.created = None;
        let images = vec![
            image("old", &["a:1", "a:2"], 3600),
            image("young", &["b:1"], 3599),
            image("dangling", &[], 3600),
            image("protected", &["keep/me:1", "other:1"], 9999),
            image("used", &["c:1"], 9999),
            image("named", &["d:latest"], 9999),
            image("freed", &["e:1"], 9999),
            retagged,
            unknown,
        ];
        let containers = vec![used("used", "", true, 5), used("elsewhere", "d", false, 0), used("freed", "e:1", true, 3600)];
        let (gone, kept) = planned(images, containers, &["keep/*"]);
        assert_eq!(gone, ["old", "dangling", "freed"]);
        let kept: Vec<_> = kept.iter().map(|(id, why)| format!("{id}: {why}")).collect();
        assert_eq!(kept, ["protected: protected by `keep/*`", "used: container c-used uses it", "named: container c-elsewhere uses it"]);
    }

    #[test]
    fn what_others_are_made_from_goes_after_them_or_not_at_all() {
        let images = vec![
            image("root", &[], 9999),
            made_from("root", image("step", &[], 9999)),
            made_from("step", image("app", &["app:1"], 9999)),
            image("base", &["base:1"], 9999),
            made_from("base", image("young", &["young:1"], 5)),
            image("half", &[], 9999),
            made_from("half", image("gone", &["gone:1"], 9999)),
            made_from("half", image("stays", &["stays:1"], 5)),
        ];
        let (gone, kept) = planned(images, Vec::new(), &[]);
        assert_eq!(gone, ["app", "gone", "step", "root"]);
        assert_eq!(kept, [("base".to_owned(), "an image that stays was made from it".to_owned())]);
    }

    #[test]
    fn protection_of_a_layer_by_its_id_holds() {
        let images = vec![image("root", &[], 9999), made_from("root", image("app", &["app:1"], 9999))];
        let id = format!("sha256:{}", "c".repeat(64));
        let images: Vec<Image> = images
            .into_iter()
            .map(|mut image| {
                image.id = image.id.replace("root", &id);
                image.parent = image.parent.replace("root", &id);
                image
            })
            .collect();
        assert_eq!(planned(images, Vec::new(), &[&id]).0, ["app"]);
    }
}
