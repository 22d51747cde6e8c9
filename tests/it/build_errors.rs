//! What a failed build says: the errors of real tools, found in what they printed, on the screen, in CI and in a file.

mod corpus;
mod live;
mod screen;
