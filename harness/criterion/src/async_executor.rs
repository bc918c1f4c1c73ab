//! What drives the futures of a bench: criterion's trait, and the runtimes that it knows.

/// A runtime that drives a future to its end.
pub trait AsyncExecutor {
    /// Runs the future, and blocks until it has its output.
    fn block_on<T>(&self, future: impl Future<Output = T>) -> T;
}

/// The same for sevbench.
pub(crate) struct Driver<A>(pub(crate) A);

impl<A: AsyncExecutor> sevbench::AsyncExecutor for &Driver<A> {
    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.0.block_on(future)
    }
}

/// The executor of the crate futures, on this thread.
#[cfg(feature = "async_futures")]
#[derive(Clone, Copy, Debug)]
pub struct FuturesExecutor;

#[cfg(feature = "async_futures")]
impl AsyncExecutor for FuturesExecutor {
    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        futures::executor::block_on(future)
    }
}

/// The executor of the crate smol.
#[cfg(feature = "async_smol")]
#[derive(Clone, Copy, Debug)]
pub struct SmolExecutor;

#[cfg(feature = "async_smol")]
impl AsyncExecutor for SmolExecutor {
    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        smol::block_on(future)
    }
}

#[cfg(feature = "async_tokio")]
mod of_tokio {
    use super::AsyncExecutor;
    use tokio::runtime::{Handle, Runtime};

    impl AsyncExecutor for Runtime {
        fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
            self.block_on(future)
        }
    }

    impl AsyncExecutor for &Runtime {
        fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
            (*self).block_on(future)
        }
    }

    impl AsyncExecutor for Handle {
        fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
            self.block_on(future)
        }
    }

    impl AsyncExecutor for &Handle {
        fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
            (*self).block_on(future)
        }
    }
}
