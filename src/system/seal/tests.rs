use super::super::scratch::Scratch;
use super::*;
use proptest::prelude::*;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

const PLAN: &str = "plan-0123";
const TEXT: &[u8] = b"pre-shared key: s3cret";
/// The header, and then ciphertext and tag.
const SHORTEST_SEALED: usize = 65 + 16;

/// Made with Python's `cryptography` 48 (HKDF, ChaCha20Poly1305) from the description in `format`: key 00…1f, salt 20…3f, nonce
/// 40…4b, `PLAN`, `TEXT`.
const GOLDEN: &str = "434757445345414c0122d266ddb2ace0c4659d0447202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f\
    404142434445464748494a4b584eaa0b8f1bd2e231669803cfd2bdae95df50ea62ff69c63d8cdac072eac588468aca177a60";

fn key_of(bytes: impl IntoIterator<Item = u8>) -> SealKey {
    SealKey { first: Key::new(Zeroizing::new(bytes.into_iter().collect())), second: None }
}

fn golden_key() -> SealKey {
    key_of(0..32)
}

fn nobody() -> Environment {
    // A directory without credentials, so that this machine's own don't count.
    [("CREDENTIALS_DIRECTORY", "/nonexistent")].into_iter().collect()
}

fn delivered(scratch: &Scratch, bytes: &[u8]) -> Environment {
    fs::write(scratch.join(CREDENTIAL), bytes).unwrap();
    [("CREDENTIALS_DIRECTORY", scratch.path().to_str().unwrap())].into_iter().collect()
}

fn write_key(directory: &Scratch, bytes: &[u8], mode: u32) {
    let path = directory.join(FILE);
    fs::write(&path, bytes).unwrap();
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn the_sealed_form_is_the_one_that_is_written_down() {
    let key = golden_key();
    let salt = std::array::from_fn(|index| 0x20 + index as u8);
    let nonce = std::array::from_fn(|index| 0x40 + index as u8);
    let sealed = format::seal(&key.first, PLAN, TEXT, salt, nonce).unwrap();
    assert_eq!(sealed.iter().map(|byte| format!("{byte:02x}")).collect::<String>(), GOLDEN);
    assert_eq!(key.key_id().to_string(), "22d266dd");
    assert_eq!(*key.open(PLAN, &sealed).unwrap(), TEXT);
}

#[test]
fn no_two_are_alike() {
    let key = golden_key();
    let (one, other) = (key.seal(PLAN, TEXT).unwrap(), key.seal(PLAN, TEXT).unwrap());
    assert_ne!(one[21..53], other[21..53], "the salt");
    assert_ne!(one[53..65], other[53..65], "the nonce");
    assert_ne!(one[65..], other[65..]);
    assert_eq!(one.len(), SHORTEST_SEALED + TEXT.len());
    assert_eq!(key.seal(PLAN, b"").unwrap().len(), SHORTEST_SEALED);
}

#[test]
fn each_way_to_fail_has_its_name_and_its_remedy() {
    let key = golden_key();
    let sealed = key.seal(PLAN, TEXT).unwrap();
    let error = key_of(1..33).open(PLAN, &sealed).unwrap_err();
    assert!(matches!(&error, SealError::OtherKey { present, .. } if present.len() == 1));
    assert!(error.to_string().starts_with("this was sealed with the key 22d266dd, and this device has "), "{error}");
    assert!(error.remedy().contains("put that key back"));

    let error = key.open("plan-0124", &sealed).unwrap_err();
    assert_eq!(error.to_string(), "this was sealed for another plan than plan-0124");
    assert!(error.remedy().contains("plan again"));

    let mut newer = sealed.clone();
    newer[8] = 2;
    let error = key.open(PLAN, &newer).unwrap_err();
    assert!(matches!(error, SealError::Newer { found: 2 }) && error.remedy().contains("newer cgwd"));

    let mut spoilt = sealed.clone();
    spoilt[70] ^= 1;
    for (bytes, why) in [(&spoilt[..], "its tag does not fit"), (&sealed[..40], "it is cut short"), (b"", "it is cut short")] {
        let error = key.open(PLAN, bytes).unwrap_err();
        assert!(error.to_string().contains(why) && error.remedy().contains("dmesg"), "{error}");
    }
    let text = b"a text that is long enough for a header and a tag of something sealed, but is none at all";
    assert!(key.open(PLAN, text).unwrap_err().to_string().contains("does not begin as something sealed does"));
}

#[test]
fn a_key_is_made_once_and_for_its_owner_alone() {
    let state = Scratch::new();
    assert!(matches!(SealKey::load(state.path(), &nobody()), Err(SealError::NoKey { .. })), "looking makes none");
    assert_eq!(fs::read_dir(state.path()).unwrap().count(), 0);

    let first = SealKey::load_or_make(state.path(), &nobody()).unwrap();
    let metadata = fs::metadata(state.join(FILE)).unwrap();
    assert_eq!((metadata.permissions().mode() & 0o7777, metadata.len()), (0o600, 32));
    assert_eq!(fs::read_dir(state.path()).unwrap().count(), 1, "nothing is left beside it");
    let sealed = first.seal(PLAN, TEXT).unwrap();
    let again = SealKey::load_or_make(state.path(), &nobody()).unwrap();
    assert_eq!((again.key_id(), again.open(PLAN, &sealed).unwrap().as_slice()), (first.key_id(), TEXT));

    let elsewhere = Scratch::new();
    let other = SealKey::load_or_make(elsewhere.path(), &nobody()).unwrap();
    assert_ne!(other.key_id(), first.key_id());
    assert!(matches!(other.open(PLAN, &sealed), Err(SealError::OtherKey { .. })));
}

#[test]
fn whoever_makes_a_key_second_uses_the_first() {
    let state = Scratch::new();
    let first = keys::make(state.path()).unwrap().id();
    assert_eq!(keys::make(state.path()).unwrap().id(), first);
    assert_eq!(fs::read_dir(state.path()).unwrap().count(), 1);
}

#[test]
fn root_makes_it_for_the_owner_of_the_directory() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let state = Scratch::new();
    std::os::unix::fs::chown(state.path(), Some(12_345), Some(12_346)).unwrap();
    SealKey::load_or_make(state.path(), &nobody()).unwrap();
    let metadata = fs::metadata(state.join(FILE)).unwrap();
    assert_eq!((metadata.uid(), metadata.gid()), (12_345, 12_346));

    std::os::unix::fs::chown(state.join(FILE), Some(12_347), None).unwrap();
    let error = SealKey::load(state.path(), &nobody()).unwrap_err();
    assert!(error.to_string().ends_with("is not cgwd's alone: it belongs to the user 12347"), "{error}");
}

#[test]
fn a_key_that_others_may_read_or_that_is_none_is_refused() {
    let good: Vec<u8> = (0..32).collect();
    let of = |bytes: &[u8], mode| {
        let state = Scratch::new();
        write_key(&state, bytes, mode);
        SealKey::load_or_make(state.path(), &nobody())
    };
    assert!(of(&good, 0o600).is_ok() && of(&good, 0o400).is_ok());
    for mode in [0o640, 0o604, 0o620, 0o602] {
        let error = of(&good, mode).unwrap_err();
        assert!(error.to_string().ends_with(&format!("is not cgwd's alone: its mode is {mode:04o}")), "{error}");
        assert!(error.remedy().contains("chmod 0600"));
    }
    for (bytes, why) in [
        (&[][..], "has not the 32 bytes"),
        (&good[..31], "has not the 32 bytes"),
        (&[1; 33], "has not the 32 bytes"),
        (&[0; 32], "is the same byte over and over"),
    ] {
        let error = of(bytes, 0o600).unwrap_err();
        assert!(error.to_string().contains(why) && error.remedy().contains("backup"), "{error}");
    }
    let state = Scratch::new();
    write_key(&state, &good, 0o600);
    fs::rename(state.join(FILE), state.join("real")).unwrap();
    std::os::unix::fs::symlink(state.join("real"), state.join(FILE)).unwrap();
    assert!(matches!(SealKey::load_or_make(state.path(), &nobody()), Err(SealError::Unreadable { .. })), "a link is not followed");
}

#[test]
fn where_no_key_can_be_made_it_says_why() {
    let error = SealKey::load_or_make(Path::new("/nonexistent/state"), &nobody()).unwrap_err();
    assert_eq!(error.to_string(), "the key /nonexistent/state/journal.key could not be made");
    assert_eq!(error.remedy(), "create the state directory");
}

#[test]
fn a_credential_counts_before_the_file_and_makes_none() {
    let (state, credentials) = (Scratch::new(), Scratch::new());
    let environment = delivered(&credentials, &(0..32).collect::<Vec<u8>>());
    let key = SealKey::load_or_make(state.path(), &environment).unwrap();
    assert_eq!(key.key_id(), golden_key().key_id());
    assert!(!state.join(FILE).exists());
}

#[test]
fn what_the_file_sealed_opens_after_a_credential_was_introduced() {
    let (state, credentials) = (Scratch::new(), Scratch::new());
    let before = SealKey::load_or_make(state.path(), &nobody()).unwrap();
    let sealed = before.seal(PLAN, TEXT).unwrap();
    let environment = delivered(&credentials, &(0..32).collect::<Vec<u8>>());
    let both = SealKey::load_or_make(state.path(), &environment).unwrap();
    assert_eq!(*both.open(PLAN, &sealed).unwrap(), TEXT);
    assert_eq!(both.key_id(), golden_key().key_id());
    let error = before.open(PLAN, &both.seal(PLAN, TEXT).unwrap()).unwrap_err();
    assert!(matches!(error, SealError::OtherKey { .. }), "the credential is gone again: {error}");
}

#[test]
fn a_credential_is_random_bytes_hexadecimal_or_a_long_secret() {
    let id = |bytes: &[u8]| {
        let (state, credentials) = (Scratch::new(), Scratch::new());
        SealKey::load_or_make(state.path(), &delivered(&credentials, bytes)).map(|key| key.key_id())
    };
    let golden = golden_key().key_id();
    let hexadecimal: String = (0..32).map(|byte| format!("{byte:02x}")).collect();
    for text in [hexadecimal.clone(), hexadecimal.to_uppercase(), format!("{hexadecimal}\n")] {
        assert_eq!(id(text.as_bytes()).unwrap(), golden);
    }
    // Random bytes may end like a line.
    let ends: Vec<u8> = (0..31).chain([b'\n']).collect();
    assert_eq!(id(&ends).unwrap(), key_of(ends.clone()).key_id());
    let phrase = b"correct horse battery staple and some more";
    assert_eq!(id(phrase).unwrap(), id(&[&phrase[..], b"\r\n"].concat()).unwrap());
    assert_eq!(id(phrase).unwrap(), key_of(*phrase).key_id());
    for (bytes, why) in [
        (&b"canary-short"[..], "has less than 32 bytes"),
        (b"canary-that-has-31-bytes-and-a-\n\n\n", "has less than 32 bytes"),
        (&[b'c'; 5000], "is too long for a key"),
        (&[b'c'; 40], "is the same byte over and over"),
    ] {
        let error = id(bytes).unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
        assert!(!format!("{error} {error:?} {}", error.remedy()).contains("canary"));
    }
}

#[test]
fn nothing_shows_the_key() {
    let key = key_of(b"canary-canary-canary-canary-canary".to_owned());
    let shown = format!("{key:?} {}", key.key_id());
    assert!(!shown.contains("canary") && !shown.contains("99, 97, 110"), "{shown}");
    let sealed = key.seal(PLAN, b"canary").unwrap();
    assert!(!sealed.windows(6).any(|bytes| bytes == b"canary"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn what_is_sealed_opens_to_the_same(plaintext in prop::collection::vec(any::<u8>(), 0..2000), plan in "\\PC{0,40}", key in any::<[u8; 32]>()) {
        let key = key_of(key);
        prop_assert_eq!(&**key.open(&plan, &key.seal(&plan, &plaintext).unwrap()).unwrap(), &plaintext[..]);
    }

    #[test]
    fn any_bit_that_flips_is_noticed(plaintext in prop::collection::vec(any::<u8>(), 0..64)) {
        let key = golden_key();
        let sealed = key.seal(PLAN, &plaintext).unwrap();
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(key.open(PLAN, &flipped).is_err(), "bit {}", bit);
        }
    }

    #[test]
    fn whatever_is_cut_off_or_added_is_noticed(plaintext in prop::collection::vec(any::<u8>(), 0..64), more in any::<u8>()) {
        let key = golden_key();
        let sealed = key.seal(PLAN, &plaintext).unwrap();
        for length in 0..sealed.len() {
            prop_assert!(key.open(PLAN, &sealed[..length]).is_err(), "{} of {} bytes", length, sealed.len());
        }
        prop_assert!(key.open(PLAN, &[&sealed[..], &[more]].concat()).is_err());
    }

    #[test]
    fn another_plan_never_opens_it(one in "[a-c]{0,3}", other in "[a-c]{0,3}") {
        let key = golden_key();
        let opened = key.open(&other, &key.seal(&one, TEXT).unwrap());
        prop_assert_eq!(opened.is_ok(), one == other);
    }

    #[test]
    fn no_bytes_panic_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..200), begins in any::<bool>()) {
        let bytes = if begins { [&b"CGWDSEAL\x01"[..], &bytes].concat() } else { bytes };
        prop_assert!(golden_key().open(PLAN, &bytes).is_err());
    }
}
