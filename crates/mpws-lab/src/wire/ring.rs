//! The packet socket of the wire: one for all its interfaces, so that packets of different paths
//! keep their order, with a receive ring (packet(7), `PACKET_RX_RING`), whose room, unlike that of
//! a socket buffer, an ordinary user may choose.

#![expect(unsafe_code, reason = "shared memory with the kernel")]

use std::io;
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

/// Bytes of one ring frame; a frame of 1514 bytes and its header fit.
const SLOT: usize = 2048;
/// Bytes of one piece of ring memory, contiguous for the kernel.
const BLOCK: usize = 64 * 1024;

/// One packet as it arrived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    /// Interface that received it.
    pub(crate) index: u32,
    /// Nanoseconds since the epoch, as the kernel took it.
    pub(crate) time: u64,
    /// Its whole length; more than the bytes at hand when it did not fit a slot.
    pub(crate) length: usize,
}

/// The socket and its ring.
#[derive(Debug)]
pub(crate) struct Ring {
    socket: OwnedFd,
    memory: NonNull<u8>,
    slots: usize,
    next: usize,
    lost: u64,
}

// SAFETY: the memory belongs to this value alone on this side, and no method hands out a reference
// to it.
unsafe impl Send for Ring {}

impl Ring {
    /// Opens it on all interfaces of the current network namespace, with room for at least
    /// `backlog` frames, which the topology keeps between 1 and
    /// [`MAX_BACKLOG`](crate::MAX_BACKLOG).
    pub(crate) fn open(backlog: u32) -> io::Result<Self> {
        let slots = (backlog as usize).next_multiple_of(BLOCK / SLOT);
        // Protocol 0 receives nothing until it is bound, when all options are set.
        let socket = crate::sys::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_NONBLOCK, 0)?;
        let version = libc::tpacket_versions::TPACKET_V2 as libc::c_int;
        set(&socket, libc::PACKET_VERSION, &version)?;
        set(&socket, libc::PACKET_IGNORE_OUTGOING, &1_i32)?;
        // The queue of an interface whose other end has just come up loses what it is given, for up
        // to a second.
        set(&socket, libc::PACKET_QDISC_BYPASS, &1_i32)?;
        let request = libc::tpacket_req {
            tp_block_size: BLOCK as u32,
            tp_block_nr: (slots * SLOT / BLOCK) as u32,
            tp_frame_size: SLOT as u32,
            tp_frame_nr: slots as u32,
        };
        set(&socket, libc::PACKET_RX_RING, &request)?;
        // SAFETY: a new mapping of the ring that the kernel has just made, of exactly its size.
        let memory = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                slots * SLOT,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                socket.as_raw_fd(),
                0,
            )
        };
        if memory == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let memory = NonNull::new(memory.cast())
            .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
        let ring = Self {
            socket,
            memory,
            slots,
            next: 0,
            lost: 0,
        };
        // SAFETY: all zeroes are a valid sockaddr_ll; index 0 means all interfaces.
        let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
        // SAFETY: the address is a sockaddr_ll of the length given.
        let result = unsafe {
            libc::bind(
                ring.socket.as_raw_fd(),
                std::ptr::from_ref(&address).cast(),
                size_of::<libc::sockaddr_ll>() as libc::socklen_t,
            )
        };
        check(result)?;
        Ok(ring)
    }

    /// How many frames it holds.
    pub(crate) fn slots(&self) -> usize {
        self.slots
    }

    /// Readable when packets wait.
    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Moves the oldest packet into `frame`; `None` when none waits.
    pub(crate) fn take(&mut self, frame: &mut Vec<u8>) -> Option<Arrival> {
        // SAFETY: `next` is below `slots`, so the slot lies within the mapping.
        let slot = unsafe { self.memory.add(self.next * SLOT) };
        // SAFETY: a slot begins with tpacket2_hdr, whose first field is the status word; slots are
        // aligned to 2048; the kernel accesses it atomically too.
        let status = unsafe { AtomicU32::from_ptr(slot.as_ptr().cast()) };
        if status.load(Ordering::Acquire) & libc::TP_STATUS_USER == 0 {
            return None;
        }
        // SAFETY: with TP_STATUS_USER set the slot is ours, and the kernel has filled header and
        // address.
        let (header, address) = unsafe {
            let header: libc::tpacket2_hdr = slot.cast().read();
            let offset = (size_of::<libc::tpacket2_hdr>()).next_multiple_of(16);
            let address: libc::sockaddr_ll = slot.add(offset).cast().read_unaligned();
            (header, address)
        };
        let start = usize::from(header.tp_mac).min(SLOT);
        let length = (header.tp_snaplen as usize).min(SLOT - start);
        frame.clear();
        // SAFETY: start and length were just kept within the slot, which is ours.
        frame.extend_from_slice(unsafe {
            std::slice::from_raw_parts(slot.add(start).as_ptr(), length)
        });
        status.store(libc::TP_STATUS_KERNEL, Ordering::Release);
        self.next = (self.next + 1) % self.slots;
        Some(Arrival {
            index: address.sll_ifindex.cast_unsigned(),
            time: u64::from(header.tp_sec) * 1_000_000_000 + u64::from(header.tp_nsec),
            length: header.tp_len as usize,
        })
    }

    /// Sends a frame out of an interface.
    pub(crate) fn send(&self, index: u32, frame: &[u8]) -> io::Result<()> {
        // SAFETY: all zeroes are a valid sockaddr_ll.
        let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_ifindex = index.cast_signed();
        // SAFETY: frame and address are valid for the lengths given.
        let result = unsafe {
            libc::sendto(
                self.socket.as_raw_fd(),
                frame.as_ptr().cast(),
                frame.len(),
                libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL,
                std::ptr::from_ref(&address).cast(),
                size_of::<libc::sockaddr_ll>() as libc::socklen_t,
            )
        };
        if result < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }

    /// How many packets found the ring full so far.
    pub(crate) fn lost(&mut self) -> io::Result<u64> {
        // SAFETY: all zeroes are valid counters.
        let mut counters: libc::tpacket_stats = unsafe { std::mem::zeroed() };
        let mut length = size_of::<libc::tpacket_stats>() as libc::socklen_t;
        // SAFETY: the buffer is as long as said.
        let result = unsafe {
            libc::getsockopt(
                self.socket.as_raw_fd(),
                libc::SOL_PACKET,
                libc::PACKET_STATISTICS,
                std::ptr::from_mut(&mut counters).cast(),
                &raw mut length,
            )
        };
        check(result)?;
        // The kernel starts again from 0 with every answer.
        self.lost += u64::from(counters.tp_drops);
        Ok(self.lost)
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: the mapping was made with this size and nobody refers to it any more.
        unsafe { libc::munmap(self.memory.as_ptr().cast(), self.slots * SLOT) };
    }
}

fn set<T>(socket: &OwnedFd, option: libc::c_int, value: &T) -> io::Result<()> {
    // SAFETY: value is valid for its own size.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            option,
            std::ptr::from_ref(value).cast(),
            size_of::<T>() as libc::socklen_t,
        )
    };
    check(result)
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
