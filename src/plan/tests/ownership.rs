use super::{IP, gateway, owner};
use crate::model::Tags;
use crate::plan::Ownership;

const OURS: &str = "0123456789abcdef0123456789abcdef";

fn ownership(device: Option<&str>, mark: Option<&str>) -> Ownership {
    let device = device.map(|device| ("cgwd-device".to_owned(), device.to_owned()));
    let mark = mark.map(|mark| ("cgwd-owner".to_owned(), mark.to_owned()));
    owner().ownership(&gateway("cgw-1", IP, device.into_iter().chain(mark).collect()))
}

#[test]
fn both_tags_tell_whose_it_is() {
    let own = |epoch: &str| format!("{OURS}.{epoch}");
    assert_eq!(ownership(None, None), Ownership::Unmarked);
    for (device, mark) in [
        (Some("box-1"), Some(own("2"))),
        (Some("box-1"), Some(own("1"))),
        (Some("box-1"), Some(OURS.to_owned())),
        (Some("box-1"), Some(own("nonsense"))),
        (Some("box-1"), None),
        (None, Some(own("2"))),
    ] {
        assert_eq!(ownership(device, mark.as_deref()), Ownership::Ours, "{device:?} {mark:?}");
    }
}

#[test]
fn another_name_another_id_or_a_later_epoch_is_foreign_and_told() {
    let told = |device, mark: &str| match ownership(device, Some(mark)) {
        Ownership::Foreign(whose) => whose,
        other => panic!("{device:?} {mark}: {other:?}"),
    };
    assert_eq!(told(Some("box-2"), "ffff.1"), "box-2");
    assert!(told(Some("old-name"), &format!("{OURS}.2")).contains("this very machine"));
    assert!(told(Some("box-1"), "ffff.1").contains("another device that calls itself box-1"));
    assert!(told(None, "ffff.1").contains("another device"));
    assert!(told(Some("box-1"), &format!("{OURS}.3")).contains("epoch 3"));
    assert!(matches!(ownership(Some("box-2"), None), Ownership::Foreign(whose) if whose == "box-2"));
    assert!(matches!(ownership(Some("BOX-1"), None), Ownership::Foreign(_)), "names differ by case too");
}

#[test]
fn a_mark_is_whole_only_as_we_would_write_it_now() {
    let whole = |tags: Tags| owner().is_fully_marked(&gateway("cgw-1", IP, tags));
    assert!(whole(owner().mark()));
    let mut more = owner().mark();
    more.insert("site".into(), "sh-01".into());
    assert!(whole(more));
    for key in ["cgwd-device", "cgwd-owner"] {
        let mut less = owner().mark();
        less.remove(key);
        assert!(!whole(less), "without {key}");
    }
    let mut older = owner().mark();
    older.insert("cgwd-owner".into(), format!("{OURS}.1"));
    assert!(!whole(older));
}
