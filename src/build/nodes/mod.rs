//! One build on several nodes: each platform on the node that serves it, at the same time, and the results merged.
