//! ARI's TCP connection is cut, stalled or slow, while both ends live on.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::checks::{check_calls_continue, check_new_calls};
use crate::ledger::{AllowedEffects, USUAL_EFFECTS};
use crate::load::CALL_EVERY;
use crate::row::{Check, FaultScene, Row};
use crate::system::SystemOptions;
use crate::tcp_proxy::TcpState;

const CUTS: usize = 5;
const CUT_FOR: Duration = Duration::from_secs(1);
const CUT_EVERY: Duration = Duration::from_secs(6);
const STALLED_FOR: Duration = Duration::from_secs(30);
const SLOW_FOR: Duration = Duration::from_secs(30);
const SLOW_BY: Duration = Duration::from_millis(300);

#[test]
fn calls_continue_when_the_connection_to_ari_is_cut() -> Result<()> {
    ari_proxied("ARI's TCP cut for 1 s, both daemons", USUAL_EFFECTS, &[check_calls_continue], cut)
        .run()
}

#[test]
fn new_callers_are_served_while_a_connection_to_ari_stalls() -> Result<()> {
    ari_proxied(
        "ARI's TCP stalled for 30 s, one daemon",
        USUAL_EFFECTS,
        &[check_new_calls],
        stalled,
    )
    .run()
}

#[test]
fn calls_continue_over_a_slow_connection_to_ari() -> Result<()> {
    ari_proxied(
        "ARI's TCP slowed to 300 ms",
        AllowedEffects::default(),
        &[check_calls_continue],
        slow,
    )
    .run()
}

/// A row whose daemons reach ARI through proxies.
fn ari_proxied(
    fault: &'static str,
    allowed: AllowedEffects,
    checks: &'static [Check],
    inject: fn(&FaultScene) -> Result<()>,
) -> Row {
    let options = SystemOptions { ari_proxied: true, ..SystemOptions::default() };
    Row { fault, options, call_every: CALL_EVERY, allowed, checks, inject }
}

fn set_proxies(scene: &FaultScene, state: TcpState) {
    scene.system.ari_proxies.iter().for_each(|proxy| proxy.set_state(state));
}

fn cut(scene: &FaultScene) -> Result<()> {
    for _ in 0..CUTS {
        let took = scene.fault(|_| {
            set_proxies(scene, TcpState::Cut);
            scene.strike();
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
        scene.strike();
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
