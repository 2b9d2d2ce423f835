//! ARI's TCP connection is cut, stalled or slow, while both ends live on.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::ledger::{Bears, FAILING};
use crate::load::CALL_EVERY;
use crate::looks::{check_calls_continue, check_new_calls};
use crate::row::{FaultScene, Look, Row};
use crate::system::Wishes;
use crate::tcp_proxy::TcpState;

const CUTS: usize = 5;
const CUT_FOR: Duration = Duration::from_secs(1);
const CUT_EVERY: Duration = Duration::from_secs(6);
const STALLED_FOR: Duration = Duration::from_secs(30);
const SLOW_FOR: Duration = Duration::from_secs(30);
const SLOW_BY: Duration = Duration::from_millis(300);

#[test]
fn ari_cut() -> Result<()> {
    ari_proxied("ARI's TCP cut for 1 s, both daemons", FAILING, &[check_calls_continue], cut).run()
}

#[test]
fn ari_stalled() -> Result<()> {
    ari_proxied("ARI's TCP stalled for 30 s, one daemon", FAILING, &[check_new_calls], stalled)
        .run()
}

#[test]
fn ari_slow() -> Result<()> {
    ari_proxied("ARI's TCP slowed to 300 ms", Bears::default(), &[check_calls_continue], slow).run()
}

/// A row whose daemons reach ARI through proxies.
fn ari_proxied(
    fault: &'static str,
    bears: Bears,
    looks: &'static [Look],
    inject: fn(&FaultScene) -> Result<()>,
) -> Row {
    let wishes = Wishes { ari_proxied: true, ..Wishes::default() };
    Row { fault, wishes, call_every: CALL_EVERY, bears, looks, inject }
}

fn set_proxies(scene: &FaultScene, state: TcpState) {
    scene.system.ari_proxies.iter().for_each(|proxy| proxy.set_state(state));
}

fn cut(scene: &FaultScene) -> Result<()> {
    for _ in 0..CUTS {
        let took = scene.fault(|_| {
            set_proxies(scene, TcpState::Cut);
            sleep(CUT_FOR);
            set_proxies(scene, TcpState::Whole);
            scene.system.fleet.wait_until_ready(Instant::now())
        })?;
        scene.note_ready(took);
        sleep(CUT_EVERY);
    }
    Ok(())
}

/// No bytes, and no close: only the daemon's pings can notice it.
fn stalled(scene: &FaultScene) -> Result<()> {
    let (place, calls) = scene.system.fleet.busiest()?;
    scene.remark(format!("with {calls} calls"));
    let proxy = &scene.system.ari_proxies[place];
    let took = scene.fault(|_| {
        proxy.set_state(TcpState::Stalled);
        scene.system.fleet.members()[place].wait_until_out_of_service()?;
        sleep(STALLED_FOR);
        proxy.set_state(TcpState::Whole);
        scene.system.fleet.wait_until_ready(Instant::now())
    })?;
    scene.note_ready(took);
    Ok(())
}

fn slow(scene: &FaultScene) -> Result<()> {
    scene.fault(|_| {
        set_proxies(scene, TcpState::Slow(SLOW_BY));
        sleep(SLOW_FOR);
        set_proxies(scene, TcpState::Whole);
        Ok(())
    })
}
