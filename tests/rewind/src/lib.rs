//! A value whose memory can be set back to what it was.
//!
//! A search tries many ways on from one state of a program: with this it gets there once. Futures that run cannot be cloned; the
//! memory that they live in can be copied away and back, to the same addresses, as `fork(2)` does for a whole process in a thousand
//! times the time.
//!
//! ```ignore
//! #[global_allocator]
//! static ALLOCATOR: rewind::Allocator<mimalloc::MiMalloc> = rewind::Allocator(mimalloc::MiMalloc);
//!
//! let mut world = Rewindable::new(|| World::new());
//! world.with(|world| world.run_to(7));
//! let here = world.save();
//! world.with(|world| world.run_to_the_end());
//! world.set_back(&here);
//! ```
//!
//! While [`Rewindable::with`] runs, every allocation of its thread comes from a region of memory of the thread's own, and only there
//! does the value refer to. What goes in and comes out is `Copy` and `'static`, so hardly anything of the region gets out. What types cannot
//! see: a reference to what was leaked inside is of no use outside, and something that is made once and kept in a static or a thread local must not be made inside for the first time. Programs run
//! such a thing before, or call it [`outside`].

mod region;

use region::Region;
use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr::null_mut;

/// So much address space a region has; what of it is not used takes no memory.
const REGION_BYTES: usize = 64 << 20;

thread_local! {
    /// What allocates for this thread now; null: the allocator beneath.
    static INSIDE: Cell<*mut Region> = const { Cell::new(null_mut()) };
    /// This thread's region, also while nothing allocates from it.
    static OWN: Cell<*mut Region> = const { Cell::new(null_mut()) };
    /// Gives it back when the thread ends.
    static END: End = const { End };
}

struct End;

impl Drop for End {
    fn drop(&mut self) {
        let region = OWN.replace(null_mut());
        if !region.is_null() {
            // SAFETY: reserved by this thread, whose values are dropped or forgotten by now.
            unsafe { Region::release(region) };
        }
    }
}

/// The program's allocator, beside which regions are.
pub struct Allocator<Beneath>(pub Beneath);

// SAFETY: what a region gives is within it, aligned, and nobody else's until it is given back; all else is the one's beneath. A block
// goes back to whichever it lies in, which its address says: a region lasts as long as its thread, and nothing of it leaves the thread.
unsafe impl<Beneath: GlobalAlloc> GlobalAlloc for Allocator<Beneath> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let region = INSIDE.get();
        if region.is_null() {
            // SAFETY: as promised to us.
            return unsafe { self.0.alloc(layout) };
        }
        // SAFETY: set by this thread, whose own it is; no reference to it is kept.
        unsafe { Region::alloc(region, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as promised to us; so many bytes were given.
        unsafe {
            if INSIDE.get().is_null() {
                return self.0.alloc_zeroed(layout);
            }
            let block = self.alloc(layout);
            if !block.is_null() {
                block.write_bytes(0, layout.size());
            }
            block
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let region = OWN.get();
        // SAFETY: a region of this thread; `block` came from `alloc` with this layout.
        unsafe {
            if !region.is_null() && Region::holds(region, block) {
                Region::dealloc(region, block, layout);
            } else {
                self.0.dealloc(block, layout);
            }
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let region = OWN.get();
        // SAFETY: as above; the new layout is valid, which the caller promises.
        unsafe {
            if region.is_null() || (INSIDE.get().is_null() && !Region::holds(region, block)) {
                return self.0.realloc(block, layout, size);
            }
            let new = Layout::from_size_align_unchecked(size, layout.align());
            if Region::holds(region, block) && region::class(layout) == region::class(new) {
                return block;
            }
            let moved = self.alloc(new);
            if !moved.is_null() {
                moved.copy_from_nonoverlapping(block, layout.size().min(size));
                self.dealloc(block, layout);
            }
            moved
        }
    }
}

/// A value in this thread's region, which it has for itself. It is never dropped: its memory is simply used for the next one.
pub struct Rewindable<T> {
    value: *mut T,
    /// Of this thread.
    region: PhantomData<*mut Region>,
}

/// What a region held at one time.
#[derive(Default)]
pub struct Saved {
    bytes: Vec<MaybeUninit<u8>>,
    /// Whose it was, of this thread's.
    turn: u64,
    thread: PhantomData<*mut Region>,
}

impl<T: 'static> Rewindable<T> {
    /// What `make` makes, and nothing else, is in the region from now on.
    ///
    /// # Panics
    /// Where this thread has another one already, or [`Allocator`] is not the program's.
    pub fn new(make: impl FnOnce() -> T + Copy + 'static) -> Rewindable<T> {
        if OWN.get().is_null() {
            OWN.set(Region::reserve(REGION_BYTES));
            END.with(|End| ());
        }
        let region = OWN.get();
        // SAFETY: this thread's own, until it ends.
        assert!(unsafe { Region::take(region) }, "one of a thread at a time");
        let value = inside(region, || Box::into_raw(Box::new(make())));
        // SAFETY: as above.
        assert!(std::mem::size_of::<T>() == 0 || unsafe { Region::holds(region, value.cast()) }, "the program has another allocator");
        Rewindable { value, region: PhantomData }
    }

    /// Works on it.
    pub fn with<R: Copy + 'static>(&mut self, work: impl FnOnce(&mut T) -> R + Copy + 'static) -> R {
        // SAFETY: `value` came from a box that was never freed, and `&mut self` says that nobody else refers to it.
        inside(OWN.get(), || work(unsafe { &mut *self.value }))
    }

    /// Text that it tells, copied out.
    pub fn text(&mut self, tell: impl FnOnce(&mut T) -> String + Copy + 'static) -> String {
        // SAFETY: as in `with`.
        let told = inside(OWN.get(), || tell(unsafe { &mut *self.value }));
        let copy = String::from(told.as_str());
        drop(told);
        copy
    }

    /// What its memory is now.
    pub fn save(&self) -> Saved {
        let mut saved = Saved::default();
        self.save_to(&mut saved);
        saved
    }

    /// The same, in memory that is there already.
    pub fn save_to(&self, saved: &mut Saved) {
        // SAFETY: this thread's own region; nothing in it is being worked on, which `&self` says.
        saved.turn = unsafe { Region::save(OWN.get(), &mut saved.bytes) };
    }

    /// Everything that happened to it since is as if it had not.
    ///
    /// # Panics
    /// Where it was saved of another one.
    pub fn set_back(&mut self, saved: &Saved) {
        // SAFETY: as in `save_to`; nothing outside refers to what is in it but `value`, which has been where it is since `new`.
        let is_its_own = unsafe { Region::set_back(OWN.get(), &saved.bytes, saved.turn) };
        assert!(is_its_own, "saved of another value");
    }
}

impl<T> Drop for Rewindable<T> {
    fn drop(&mut self) {
        let region = OWN.get();
        if !region.is_null() {
            // SAFETY: this thread's own.
            unsafe { Region::leave(region) };
        }
    }
}

/// Runs what keeps something for the whole program, such as a panic's report, with the allocator beneath.
pub fn outside<R>(work: impl FnOnce() -> R) -> R {
    inside(null_mut(), work)
}

/// Also where it panics, it is as before afterwards.
fn inside<R>(region: *mut Region, work: impl FnOnce() -> R) -> R {
    struct Before(*mut Region);
    impl Drop for Before {
        fn drop(&mut self) {
            INSIDE.set(self.0);
        }
    }
    let _before = Before(INSIDE.replace(region));
    work()
}
