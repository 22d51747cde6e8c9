//! What a failed build says: the errors of real tools, found in what they printed.

mod corpus;
mod live;
