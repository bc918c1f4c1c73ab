//! What can go wrong with an image.

use crate::cache_folder::NoCacheFolder;
use crate::trusted_file::Distrust;
use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// An image that cannot be built or booted. If the user can fix it, the message ends with what to
/// type.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the fields are in the messages, and named by what they hold")]
pub enum ImageError {
    /// The recipe is not valid.
    #[error("the recipe for the guest's image is not valid: {0}")]
    Recipe(String),
    /// The image has not been built yet.
    #[error("the guest's image has not been built yet: type `cargo sevbench guest build`")]
    NotBuilt,
    /// There is no folder for images.
    #[error(transparent)]
    NoCacheFolder(#[from] NoCacheFolder),
    /// A program is not installed.
    #[error("`{program}` is missing: type `apt-get install {package}`")]
    ProgramMissing { program: String, package: String },
    /// Another build is running.
    #[error("another build holds {}: wait until it has finished", .0.display())]
    Locked(PathBuf),
    /// Others can change the recipe, or a file of the image.
    #[error(transparent)]
    Distrust(#[from] Distrust),
    /// A file of the image cannot be read or written.
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    /// A step of the build failed.
    #[error("{step} failed ({status}):\n{output}")]
    Step { step: String, status: String, output: String },
    /// The seed for cloud-init cannot be made.
    #[error("cannot make the seed for cloud-init: {source}")]
    Seed { source: io::Error },
    /// A custom image with a kernel but no root, or the other way round.
    #[error(
        "a custom image needs both kernel and root, or neither: set both under [machine.image], such \
         as root = \"/dev/vda1\""
    )]
    KernelWithoutRoot,
    /// A custom image with only one of its keys.
    #[error(
        "a custom image needs both key and host_key, or neither: set both under [machine.image], or \
         drop both, and cloud-init installs fresh ones"
    )]
    OneKey,
    /// A kernel for another architecture.
    #[error(
        "{} is not a Linux kernel for x86-64: name a bzImage of that architecture",
        path.display()
    )]
    OtherKernel { path: PathBuf },
    /// The user ended the build.
    #[error("interrupted; the unfinished image was removed")]
    Interrupted,
}
