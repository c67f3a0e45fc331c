//! Memory that is given out in blocks of some sizes, with all of its bookkeeping inside it: a copy of its used part is a copy of
//! everything.

use std::alloc::{GlobalAlloc, Layout, System};
use std::mem::MaybeUninit;
use std::ptr::null_mut;

/// Blocks are multiples of this, and aligned to it.
const GRAIN: usize = 16;
const PAGE: usize = 4096;
/// Beyond this, powers of two.
const FINE_UP_TO: usize = 1024;
const FINE: usize = FINE_UP_TO / GRAIN;
const CLASSES: usize = FINE + usize::BITS as usize;

/// At the region's own beginning.
#[repr(C, align(64))]
pub struct Region {
    /// Of the region, in bytes.
    size: usize,
    /// Somebody has it.
    taken: bool,
    /// How many have had it. Neither is set back with the rest.
    turn: u64,
    used: Used,
}

/// What a copy begins with.
#[repr(C)]
struct Used {
    /// So many bytes from the beginning have been given out at some time.
    top: usize,
    /// Of each size the block that was given back last; in each the one before.
    free: [*mut u8; CLASSES],
}

/// Which size of blocks this is of.
pub fn class(layout: Layout) -> usize {
    if layout.size() <= FINE_UP_TO {
        layout.size().div_ceil(GRAIN).saturating_sub(1)
    } else {
        FINE + layout.size().next_power_of_two().trailing_zeros() as usize
    }
}

fn layout_of(size: usize) -> Layout {
    Layout::from_size_align(size, PAGE).expect("a page's alignment")
}

fn bytes(class: usize) -> usize {
    if class < FINE { (class + 1) * GRAIN } else { 1 << (class - FINE) }
}

impl Region {
    /// A new one, whose pages are the system's until they are used.
    pub fn reserve(size: usize) -> *mut Region {
        // SAFETY: the size is not 0; the allocator of the system gives so much by mapping it.
        let region = unsafe { System.alloc(layout_of(size)) }.cast::<Region>();
        assert!(!region.is_null(), "no address space for a region");
        let used = Used { top: 0, free: [null_mut(); CLASSES] };
        // SAFETY: it is large enough and aligned, and nobody else knows of it.
        unsafe { region.write(Region { size, taken: false, turn: 0, used }) };
        region
    }

    /// # Safety
    /// A region that was reserved, of which nothing is used any more.
    pub unsafe fn release(region: *mut Region) {
        // SAFETY: as promised.
        unsafe { System.dealloc(region.cast(), layout_of((*region).size)) };
    }

    /// Empties it for whoever asks, unless somebody has it.
    ///
    /// # Safety
    /// A region, of this thread.
    pub unsafe fn take(region: *mut Region) -> bool {
        // SAFETY: as promised.
        let region = unsafe { &mut *region };
        let is_free = !region.taken;
        if is_free {
            region.taken = true;
            region.turn += 1;
            region.used = Used { top: size_of::<Region>(), free: [null_mut(); CLASSES] };
        }
        is_free
    }

    /// # Safety
    /// A region, of this thread, in which nothing is used any more.
    pub unsafe fn leave(region: *mut Region) {
        // SAFETY: as promised.
        unsafe { (*region).taken = false };
    }

    /// # Safety
    /// A region.
    pub unsafe fn holds(region: *const Region, block: *const u8) -> bool {
        // SAFETY: as promised.
        let size = unsafe { (*region).size };
        (block as usize).wrapping_sub(region as usize) < size
    }

    /// Null where there is no room.
    ///
    /// # Safety
    /// A region, of this thread; a layout of more than no bytes.
    pub unsafe fn alloc(region: *mut Region, layout: Layout) -> *mut u8 {
        // The region itself is aligned to no more than that.
        if layout.align() > PAGE {
            return null_mut();
        }
        let class = class(layout);
        // SAFETY: as promised; what is in a list of free blocks was a block of that size, whose first bytes name the one before.
        unsafe {
            let used = &mut (*region).used;
            let free = used.free[class];
            // Blocks that are aligned more than most are not used again.
            if !free.is_null() && layout.align() <= GRAIN {
                used.free[class] = free.cast::<*mut u8>().read();
                return free;
            }
            let at = used.top.next_multiple_of(layout.align().max(GRAIN));
            let top = at + bytes(class);
            if top > (*region).size {
                return null_mut();
            }
            used.top = top;
            region.cast::<u8>().add(at)
        }
    }

    /// # Safety
    /// A region, of this thread, and a block of it that was given out for this layout.
    pub unsafe fn dealloc(region: *mut Region, block: *mut u8, layout: Layout) {
        if layout.align() > GRAIN {
            return;
        }
        let class = class(layout);
        // SAFETY: as promised; a block has room for an address, and is aligned for it.
        unsafe {
            let used = &mut (*region).used;
            block.cast::<*mut u8>().write(used.free[class]);
            used.free[class] = block;
        }
    }

    /// Whose turn it is.
    ///
    /// # Safety
    /// A region, of this thread, that nobody works in.
    pub unsafe fn save(region: *const Region, copy: &mut Vec<MaybeUninit<u8>>) -> u64 {
        copy.clear();
        // SAFETY: from the bookkeeping up to `top` is its own memory; copied as bytes that may never have been written.
        unsafe {
            let first = (&raw const (*region).used).cast::<MaybeUninit<u8>>();
            let length = (*region).used.top - (first as usize - region as usize);
            copy.reserve(length);
            copy.as_mut_ptr().copy_from_nonoverlapping(first, length);
            copy.set_len(length);
            (*region).turn
        }
    }

    /// Whether the copy is of the one who has it now; else nothing happens.
    ///
    /// # Safety
    /// As above; the copy is of this region.
    pub unsafe fn set_back(region: *mut Region, copy: &[MaybeUninit<u8>], turn: u64) -> bool {
        // SAFETY: it goes where it came from.
        unsafe {
            let is_its_own = (*region).turn == turn;
            if is_its_own {
                (&raw mut (*region).used).cast::<MaybeUninit<u8>>().copy_from_nonoverlapping(copy.as_ptr(), copy.len());
            }
            is_its_own
        }
    }
}
