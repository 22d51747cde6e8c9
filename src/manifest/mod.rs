//! The v2 contract: what later stages and other tools read. Types, canonical text, checksum, finalize, read, write,
//! views, schemas; and our sibling file `destinations.json`. Pure: bytes in, bytes out; the commands read and write
//! the files through `fs`.

mod builds;
mod destinations;

pub use builds::{BUILDS_SCHEMA_VERSION, Base, BuildRecord, BuildRecords, Origin};
pub use destinations::{DESTINATIONS_SCHEMA_VERSION, Destination, DestinationTarget, Destinations};
