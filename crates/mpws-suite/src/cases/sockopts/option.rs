//! One socket option: how it is set, read, and what that came to, in words.

use std::io;

use mptcp::sockopt;
use socket2::Socket;

/// A socket option, and a value to try it with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SocketOption {
    /// Its name in the kernel's headers.
    pub name: &'static str,
    /// `SOL_SOCKET`, `IPPROTO_TCP` or another level.
    pub level: i32,
    /// Its number.
    pub number: i32,
    /// A value that is not the default.
    pub value: Value,
}

/// A value of an option.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value {
    /// A whole number that is read back as it was set.
    Number(i32),
    /// A whole number of which the kernel makes another.
    Rounded(i32),
    /// Bytes; more may be read back.
    Bytes(&'static [u8]),
    /// It is only read.
    ReadOnly,
}

/// It was set and is read back.
pub(super) const KEPT: &str = "taken and kept";
/// It was set, and what is read back is another value.
pub(super) const IGNORED: &str = "taken and not kept";
/// It can be read, and there was nothing to set.
pub(super) const READ: &str = "read";
/// MPTCP does not know the option, whatever TCP does with it.
pub(super) const REFUSED: &str = "set ENOPROTOOPT, get EOPNOTSUPP";
/// The same, of options of IP.
pub(super) const UNSUPPORTED: &str = "set EOPNOTSUPP, get EOPNOTSUPP";
/// It can be read but not set, ever.
pub(super) const NOT_TO_SET: &str = "set EOPNOTSUPP";
/// It can be read, and it is too late to set it.
pub(super) const TOO_LATE: &str = "set EINVAL";

impl SocketOption {
    /// Sets it and reads it back; the outcome in words, of which the constants of this module are
    /// the usual ones.
    pub(crate) fn try_on(&self, socket: &Socket) -> String {
        let set = self.set(socket);
        let read = self.read(socket);
        match (set, read) {
            (Ok(()), Ok(_)) if matches!(self.value, Value::ReadOnly) => READ.to_owned(),
            (Ok(()), Ok(read)) if self.is_kept(&read) => KEPT.to_owned(),
            (Ok(()), Ok(_)) => IGNORED.to_owned(),
            (Err(set), Ok(_)) => format!("set {}", errno(&set)),
            (Ok(()), Err(read)) => format!("get {}", errno(&read)),
            (Err(set), Err(read)) => format!("set {}, get {}", errno(&set), errno(&read)),
        }
    }

    /// Whether the kernel of a TCP socket knows it, and lets this program set and read it.
    pub(crate) fn can_be_asked(&self, tcp: &Socket) -> bool {
        let set = self.set(tcp).err().and_then(|error| error.raw_os_error());
        let read = self.read(tcp).err().and_then(|error| error.raw_os_error());
        let absent = [set, read] == [Some(libc::ENOPROTOOPT); 2];
        !absent && ![set, read].contains(&Some(libc::EPERM))
    }

    /// Gives a socket the value.
    pub(crate) fn set(&self, socket: &Socket) -> io::Result<()> {
        let number;
        let value: &[u8] = match self.value {
            Value::Number(value) | Value::Rounded(value) => {
                number = value.to_ne_bytes();
                &number
            }
            Value::Bytes(bytes) => bytes,
            Value::ReadOnly => return Ok(()),
        };
        sockopt::set_bytes(socket, self.level, self.number, value)
    }

    /// Its value now.
    pub(crate) fn read(&self, socket: &Socket) -> io::Result<Vec<u8>> {
        // Some options are longer for those who ask for more than an int.
        let room = match self.value {
            Value::Number(_) | Value::Rounded(_) => size_of::<i32>(),
            Value::Bytes(_) | Value::ReadOnly => ROOM,
        };
        let mut buffer = vec![0; room];
        let length = sockopt::bytes(socket, self.level, self.number, &mut buffer)?;
        buffer.truncate(length);
        Ok(buffer)
    }

    fn is_kept(&self, read: &[u8]) -> bool {
        match self.value {
            Value::Number(value) => read == value.to_ne_bytes(),
            Value::Bytes(bytes) => read.starts_with(bytes),
            Value::Rounded(_) => true,
            Value::ReadOnly => false,
        }
    }
}

/// Name of an error number, as in the kernel's headers.
pub(crate) fn errno(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(libc::EPERM) => "EPERM".to_owned(),
        Some(libc::ENOENT) => "ENOENT".to_owned(),
        Some(libc::EINVAL) => "EINVAL".to_owned(),
        Some(libc::ENOPROTOOPT) => "ENOPROTOOPT".to_owned(),
        Some(libc::EOPNOTSUPP) => "EOPNOTSUPP".to_owned(),
        Some(libc::EISCONN) => "EISCONN".to_owned(),
        Some(libc::ENOTCONN) => "ENOTCONN".to_owned(),
        Some(number) => format!("errno {number}"),
        None => error.to_string(),
    }
}

/// Room for the longest value, `tcp_info`.
const ROOM: usize = 512;
