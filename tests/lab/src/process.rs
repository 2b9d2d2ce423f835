//! Starting children that end with this process (`setpriv --pdeathsig`), and threads that go last.
//!
//! The kernel sends that signal when the *thread* that started the child ends, so all of them are
//! started on one thread that lives as long as the process.

use std::io;
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};

struct Order {
    command: Command,
    reply: Sender<io::Result<Child>>,
}

static STARTER: OnceLock<Sender<Order>> = OnceLock::new();

/// Starts `command` on the thread that outlives every other.
pub fn spawn(command: Command) -> io::Result<Child> {
    let starter = STARTER.get_or_init(|| {
        let (orders, received) = channel::<Order>();
        std::thread::spawn(move || {
            for mut order in received {
                drop(order.reply.send(order.command.spawn()));
            }
        });
        orders
    });
    let (reply, child) = channel();
    starter.send(Order { command, reply }).map_err(io::Error::other)?;
    child.recv().map_err(io::Error::other)?
}

/// Gives the calling thread the least right to the processor, which is a thread's on Linux: for clients
/// that would be on machines of their own elsewhere.
pub fn lower_priority() -> io::Result<()> {
    const NICE: i32 = 19;
    Ok(rustix::process::nice(NICE).map(drop)?)
}
