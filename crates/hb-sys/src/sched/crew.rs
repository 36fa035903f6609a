//! Threads of this process that share a scheduling class, which can change while they run.
//!
//! A thread joins by itself, and leaves when it ends. Which class they deserve is decided by whoever made the crew.

use std::io;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{reset_flag, set};

/// Threads that are all ordinary, or all in the class `SCHED_FIFO` with the same priority; clones are the same crew.
#[derive(Clone, Debug, Default)]
pub struct Crew(Arc<Mutex<Members>>);

#[derive(Debug, Default)]
struct Members {
    priority: Option<i32>,
    /// By the numbers that the kernel gave them. Each takes itself out before it ends, so none is another thread's.
    threads: Vec<i32>,
}

/// That a thread belongs to a crew, until it drops this. It keeps its class then.
#[derive(Debug)]
#[must_use]
pub struct Membership {
    crew: Crew,
    thread: i32,
    /// To be dropped by its thread: that has a number as long as it runs.
    _stays: PhantomData<*const ()>,
}

impl Crew {
    /// Whoever joins from now on gets this real-time priority, or is ordinary without one.
    #[must_use]
    pub fn new(priority: Option<i32>) -> Self {
        Self(Arc::new(Mutex::new(Members { priority, threads: Vec::new() })))
    }

    /// The calling thread joins. Where the kernel refuses the class it keeps the one that it has: [`Self::set`] tells.
    pub fn join(&self) -> Membership {
        let thread = rustix::thread::gettid().as_raw_nonzero().get();
        let mut members = self.members();
        members.threads.push(thread);
        // Told to whoever sets the class.
        let _ = members.priority.map(|priority| apply(thread, Some(priority)));
        drop(members);
        Membership { crew: self.clone(), thread, _stays: PhantomData }
    }

    /// All get this real-time priority, or become ordinary without one, at once; whoever joins later as well. What they start
    /// is ordinary in any case.
    ///
    /// # Errors
    /// As of [`super::set_fifo`] and [`super::set_other`]; all have the class then that they had, and whoever joins later tries the
    /// one before as well.
    pub fn set(&self, priority: Option<i32>) -> io::Result<()> {
        let mut members = self.members();
        let result = members.threads.iter().try_for_each(|thread| apply(*thread, priority));
        if result.is_ok() {
            members.priority = priority;
        } else {
            for thread in &members.threads {
                // What they had a moment ago is rarely refused, and there is no third way.
                let _ = apply(*thread, members.priority);
            }
        }
        result
    }

    fn members(&self) -> MutexGuard<'_, Members> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        let mut members = self.crew.members();
        if let Some(place) = members.threads.iter().position(|thread| *thread == self.thread) {
            members.threads.swap_remove(place);
        }
    }
}

fn apply(thread: i32, priority: Option<i32>) -> io::Result<()> {
    match priority {
        Some(priority) => set(thread, libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK, priority),
        // As in `set_other`.
        None => set(thread, libc::SCHED_OTHER | reset_flag(thread)?, 0),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::super::{Class, current};
    use super::*;

    /// A thread of the crew that tells its class whenever it is asked, until nobody can ask any more.
    fn worker(crew: &Crew) -> (mpsc::Sender<()>, mpsc::Receiver<Class>, thread::JoinHandle<()>) {
        let (ask, asked) = mpsc::channel();
        let (tell, told) = mpsc::channel();
        let crew = crew.clone();
        let thread = thread::spawn(move || {
            let _member = crew.join();
            while let Ok(()) = asked.recv() {
                tell.send(current().unwrap()).unwrap();
            }
        });
        (ask, told, thread)
    }

    #[test]
    fn the_class_of_running_threads_changes_in_both_directions() {
        let crew = Crew::new(None);
        let (ask, told, thread) = worker(&crew);
        let class = || {
            ask.send(()).unwrap();
            told.recv().unwrap()
        };
        assert_eq!(class(), Class::Other);
        match crew.set(Some(5)) {
            Ok(()) => {
                assert_eq!(class(), Class::Fifo { priority: 5 });
                let (ask_late, told_late, late) = worker(&crew);
                ask_late.send(()).unwrap();
                assert_eq!(told_late.recv().unwrap(), Class::Fifo { priority: 5 }, "who joins later, too");
                drop(ask_late);
                late.join().unwrap();
                crew.set(Some(7)).unwrap();
                assert_eq!(class(), Class::Fifo { priority: 7 });
                assert_eq!(crew.set(Some(100)).unwrap_err().raw_os_error(), Some(libc::EINVAL));
                assert_eq!(class(), Class::Fifo { priority: 7 }, "what they had");
            }
            // An ordinary user is refused and stays ordinary.
            Err(error) => assert_eq!(error.raw_os_error(), Some(libc::EPERM)),
        }
        crew.set(None).unwrap();
        assert_eq!(class(), Class::Other);
        drop(ask);
        thread.join().unwrap();
        assert!(crew.members().threads.is_empty());
        assert_eq!(current().unwrap(), Class::Other, "this thread never joined");
    }
}
