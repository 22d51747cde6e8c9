//! OCI distribution client and the registry destinations. Implements the ports of `publish` (`Target`), `build`
//! (`BaseImages`); knows no command and no screen.
