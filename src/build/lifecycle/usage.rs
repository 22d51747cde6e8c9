//! How much a builder's cache holds (spec/build.md F.2).

use super::lease::{Lease, Order};
use crate::build::backend::{Address, Api, CacheEntry, Control, Place, Resolution, dial};
use crate::config::Driver;
use crate::core::ByteSize;
use crate::error::{Error, Result};

/// What one daemon keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// Name of the builder, or of its node.
    pub name: String,
    /// Every record.
    pub entries: Vec<CacheEntry>,
}

impl Usage {
    /// Bytes of all records.
    pub fn total(&self) -> u64 {
        self.entries.iter().map(|entry| entry.size).sum()
    }

    /// Bytes that a prune could take now.
    pub fn reclaimable(&self) -> u64 {
        self.entries.iter().filter(|entry| !entry.in_use).map(|entry| entry.size).sum()
    }
}

/// Asks the builder; with nodes each of them. One that lasts and is not there yet holds nothing.
pub async fn usage(order: &Order<'_>, resolution: &Resolution) -> Result<Vec<Usage>> {
    let Some(backend) = resolution.backend() else {
        return Err(Error::missing(format!("no builder: {}", resolution.why_not())));
    };
    let name = order.builder();
    match (backend.driver, &backend.place) {
        (Driver::DockerContainer | Driver::Kubernetes, _) => Lease::verbose_usage(order, resolution)
            .await
            .map(|texts| texts.into_iter().map(|(name, text)| Usage { name, entries: parse(&text) }).collect()),
        // A private daemon, which is started to be asked.
        (_, None) => {
            let lease = Lease::acquire(order, resolution).await?;
            let address = lease.nodes().first().and_then(|node| node.address.clone()).unwrap_or_default();
            let address = address.parse::<Address>().map_err(|why| Error::failed(format!("cannot reach {name}: {why}")))?;
            let place = Place { address, tls: None };
            Ok(vec![Usage { entries: ask(order, &place, false).await?, name }])
        }
        (driver, Some(_)) => {
            let mut found = Vec::new();
            for (at, backend) in resolution.backends().iter().enumerate() {
                let Some(place) = &backend.place else { continue };
                let name = if order.settings.nodes.is_empty() { name.clone() } else { format!("{name}-{at}") };
                found.push(Usage { entries: ask(order, place, driver == Driver::Docker).await?, name });
            }
            Ok(found)
        }
    }
}

async fn ask(order: &Order<'_>, place: &Place, in_engine: bool) -> Result<Vec<CacheEntry>> {
    let failed = |why: String| Error::failed(format!("cannot read the disk usage of BuildKit at {}: {why}", place.address));
    let control = if in_engine {
        Api::connect(order.world, &place.address, place.tls.as_ref()).await.map_err(failed)?.buildkit(&place.address).await
    } else {
        Control::over(dial(order.world, &place.address, place.tls.as_ref()).await.map_err(failed)?).await
    };
    control.map_err(failed)?.disk_usage().await.map_err(failed)
}

/// Reads `buildx du --verbose`: `Key: value` lines, an empty line between records, a summary at the end.
fn parse(text: &str) -> Vec<CacheEntry> {
    let mut entries: Vec<CacheEntry> = Vec::new();
    let mut of_record = false;
    for line in text.lines() {
        let Some((key, value)) = line.split_once(':') else {
            of_record = false;
            continue;
        };
        let value = value.trim();
        if key.trim() == "ID" {
            entries.push(CacheEntry::default());
            of_record = true;
        }
        let Some(entry) = entries.last_mut().filter(|_| of_record) else { continue };
        match key.trim() {
            "Size" => entry.size = value.parse::<ByteSize>().map_or(0, |size| size.0),
            "Reclaimable" => entry.in_use = value == "false",
            "Shared" => entry.shared = value == "true",
            "Description" => value.clone_into(&mut entry.description),
            "Type" => value.clone_into(&mut entry.kind),
            _ => {}
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_buildx_prints_of_a_container() {
        let text = "ID:\t\tqz2\nCreated at:\t2026-11-21 14:00:00 +0000 UTC\nMutable:\tfalse\nReclaimable:\ttrue\nShared:\t\tfalse\nSize:\t\t1.024MB\n\
                    Description:\tmount / from exec /bin/sh -c make: all\nUsage count:\t1\nType:\t\tregular\n\n\
                    ID:\t\tab1\nReclaimable:\tfalse\nSize:\t\t8.192kB\nType:\t\tsource.local\n\nReclaimable:\t1.024MB\nTotal:\t\t1.032MB\n";
        let usage = Usage { name: "x".into(), entries: parse(text) };
        assert_eq!((usage.entries.len(), usage.total(), usage.reclaimable()), (2, 1_032_192, 1_024_000));
        assert_eq!(usage.entries[0].description, "mount / from exec /bin/sh -c make: all");
        assert_eq!(usage.entries[1].kind, "source.local");
    }
}
