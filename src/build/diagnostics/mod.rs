//! Why a build failed: the errors of compilers and package managers, found in what a build printed.
