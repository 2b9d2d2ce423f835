//! The matcher hears exactly the sounds that were played.

use std::time::Duration;

use super::*;

fn samples(name: &str) -> Vec<u8> {
    sounds::samples(name).unwrap().into_iter().map(ulaw::encode).collect()
}

fn quiet(length: usize) -> Vec<u8> {
    vec![ulaw::SILENCE; length]
}

/// When the first packet of a stream comes.
static BEGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Hears a stream in packets of 20 ms.
fn hear(stream: &[Vec<u8>]) -> Vec<Heard> {
    hear_without(&[], stream)
}

/// The same, of which some packets never arrive.
fn hear_without(lost: &[usize], stream: &[Vec<u8>]) -> Vec<Heard> {
    let mut hearing = Hearing::new(Library::guidance());
    for (index, packet) in stream.concat().chunks(PACKET).enumerate() {
        let at = *BEGIN + Duration::from_millis(20) * u32::try_from(index).unwrap();
        if lost.contains(&index) {
            hearing.miss(at, packet.len());
        } else {
            hearing.hear(at, packet);
        }
    }
    hearing.heard
}

fn names(heard: &[Heard]) -> Vec<String> {
    heard.iter().map(Heard::name).collect()
}

#[test]
fn every_sound_is_heard_as_itself_and_whole() {
    for (name, _) in sounds::words() {
        let heard = hear(&[quiet(1000), samples(name), quiet(1000)]);
        assert_eq!(names(&heard), [name]);
        assert!(heard[0].whole && heard[0].ended.is_some(), "{heard:?}");
    }
}

#[test]
fn sounds_are_heard_in_their_order_wherever_packets_begin() {
    let order = ["digits/0", "digits/6", "digits/6", "completed", "menu", "digits/0"];
    let mut stream: Vec<Vec<u8>> = order.iter().map(|name| samples(name)).collect();
    stream.insert(0, quiet(37));
    stream.push(quiet(500));
    assert_eq!(names(&hear(&stream)), order);
}

#[test]
fn a_guidance_cut_short_is_heard_in_part() {
    let cut = samples("menu")[..24_000].to_vec();
    let heard = hear(&[cut, quiet(800), samples("confirm-password"), quiet(800)]);
    assert_eq!(names(&heard), ["menu", "confirm-password"]);
    assert!(!heard[0].whole && heard[1].whole, "{heard:?}");
}

#[test]
fn a_guidance_whose_beginning_is_missing_is_not_whole() {
    let late = samples("menu")[16_000..].to_vec();
    let heard = hear(&[quiet(800), late, quiet(800)]);
    assert_eq!(names(&heard), ["menu"]);
    assert!(!heard[0].whole && heard[0].from > 15_000, "{heard:?}");
}

#[test]
fn a_packet_that_never_arrived_ends_no_guidance() {
    let [menu, completed] = ["menu", "completed"].map(samples);
    let stream = [quiet(1000), menu, quiet(1000), completed, quiet(1000)];
    let whole = hear(&stream);
    // In the quiet, at the first sound, in its midst, several in a row, and at its end.
    let last = stream[..2].concat().len() / PACKET;
    for lost in [&[3][..], &[6], &[7], &[100], &[100, 101, 102, 110], &[last - 1], &[last]] {
        let heard = hear_without(lost, &stream);
        assert_eq!(names(&heard), ["menu", "completed"], "{lost:?}");
        let edges = |heard: &[Heard]| -> Vec<(usize, bool)> {
            heard.iter().map(|heard| (heard.from, heard.whole)).collect()
        };
        assert_eq!(edges(&heard), edges(&whole), "{lost:?}");
    }
}

#[test]
fn a_guidance_that_stops_in_a_packet_that_never_arrived_is_not_whole() {
    let cut = samples("menu")[..24_000].to_vec();
    let stream = [cut, quiet(PACKET), quiet(800), samples("completed"), quiet(800)];
    let heard = hear_without(&[24_000 / PACKET], &stream);
    assert_eq!(names(&heard), ["menu", "completed"]);
    assert!(!heard[0].whole && heard[1].whole, "{heard:?}");
}

#[test]
fn a_packet_that_was_never_sent_is_noticed() {
    let mut gap = samples("menu");
    gap.drain(40_000..40_160);
    let heard = hear(&[gap, quiet(800)]);
    assert_eq!(names(&heard), ["menu", "menu"]);
    assert!(heard.iter().all(|heard| !heard.whole), "{heard:?}");
}

#[test]
fn sound_that_is_in_no_file_is_unknown() {
    let mut backwards = samples("trouble");
    backwards.reverse();
    let heard = hear(&[samples("digits/1"), quiet(400), backwards, quiet(800), samples("invalid")]);
    assert_eq!(names(&heard), ["digits/1", UNKNOWN, "invalid"]);
}

#[test]
fn a_last_packet_that_is_not_full_is_not_missed() {
    let mut hearing = Hearing::new(Library::guidance());
    let codes = samples("completed");
    hearing.hear(Instant::now(), &codes[..codes.len() - 100]);
    assert_eq!(hearing.heard[0].ended, None);
    hearing.close();
    assert!(hearing.heard[0].whole && hearing.heard[0].ended.is_some());
}

#[test]
fn silence_is_nothing() {
    assert_eq!(hear(&[quiet(80_000)]), []);
}

#[test]
fn a_sound_begins_with_the_packet_of_its_first_sample() {
    let heard = hear(&[quiet(PACKET * 100), samples("redial")]);
    assert_eq!(heard[0].started - *BEGIN, Duration::from_secs(2));
    assert_eq!(heard[0].from, 0);
}

#[test]
fn files_that_begin_alike_are_distinguished_where_they_differ() {
    let noise = |seed: u32| -> Vec<i16> {
        let wave = |n: u32| (n * (n + seed * 1000) % 20_011).cast_signed() - 10_000;
        (0..8000).map(|n| i16::try_from(wave(n)).unwrap()).collect()
    };
    let [common, one, other] = [noise(1), noise(2), noise(3)];
    let alike = [
        ("one", [common.clone(), one.clone()].concat()),
        ("other", [common.clone(), other].concat()),
    ];
    let library = Box::leak(Box::new(Library::new(alike)));
    let codes: Vec<u8> = [common, one].concat().into_iter().map(ulaw::encode).collect();
    let mut hearing = Hearing::new(library);
    hearing.hear(Instant::now(), &codes[..4000]);
    assert_eq!(names(&hearing.heard), ["one|other"]);
    assert!(!hearing.heard[0].is("one") && hearing.heard[0].may_be("one"));
    hearing.hear(Instant::now(), &codes[4000..]);
    assert_eq!(names(&hearing.heard), ["one"]);
    assert!(hearing.heard[0].whole);
}
