//! Remote adapters: ours and the examples before the public conformance tool and before ours, with real directories,
//! buckets and registries behind them, and adapters that are broken on purpose.

mod broken;
mod bucket;
mod judged;
mod page;
mod places;
mod releases;
