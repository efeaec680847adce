//! The ways to lie.

/// One way to lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// Asks for TCP where MPTCP is asked of it.
    ClientNeverAsks,
    /// Asks for MPTCP where TCP is asked of it.
    ClientSpeaksMptcp,
    /// Opens nothing.
    ClientRefusesAll,
    /// Says `open` where opening failed.
    ClientClaimsOpen,
    /// Loses the errno of every error.
    ClientHidesErrno,
    /// Leaves the descriptor open when opening failed.
    ClientLeaks,
    /// Does not end an opening that fails; its adapter has to.
    ClientIgnoresLimit,
    /// Is content with TCP where MPTCP is required.
    ClientLenient,
    /// Loses the first message of a connection.
    ClientLosesMessage,
    /// Opens another connection in silence when it is to send for the third time, and goes on with
    /// that.
    ClientReconnects,
    /// Reports a close code that did not come.
    ClientMisreportsClose,
    /// Reports a subprotocol that was not chosen.
    ClientMisnamesSubprotocol,
    /// Goes round again where the iterator has to end.
    ClientIteratesTwice,
    /// Leaves TCP_NODELAY off.
    ClientNagles,
    /// Sets the options of a socket that it is given back to their defaults.
    ClientResetsOptions,
    /// Puts the address that it is connected to into the Host field.
    ClientResolvesHost,
    /// Offers no extension and reports permessage-deflate.
    ClientClaimsDeflate,
    /// Offers no extension where it should.
    ClientOffersNoDeflate,
    /// Accepts messages of any size.
    ClientIgnoresSize,
    /// Listens with TCP and reports MPTCP.
    ServerClaimsMptcp,
    /// Listens with MPTCP where it should not.
    ServerSpeaksMptcp,
    /// Says that it serves and never accepts.
    ServerNeverAccepts,
    /// Serves on every interface where it should refuse to start.
    ServerListensAnywhere,
    /// Never gets to the end of stopping.
    ServerNeverStops,
    /// Reports a close code that did not come.
    ServerMisreportsClose,
    /// Calls every accepted socket MPTCP in its API.
    ServerMisnamesProtocol,
    /// Accepts messages of any size.
    ServerIgnoresLimit,
    /// Serves nobody any more once it has lacked a descriptor.
    ServerNeverRecovers,
    /// Sets the options of a listener that it is given back to their defaults.
    ServerResetsOptions,
    /// Leaves TCP_NODELAY off.
    ServerNagles,
    /// Changes a byte of every message.
    EchoAlters,
    /// Leaves messages unanswered.
    EchoDrops,
    /// Answers messages twice.
    EchoDoubles,
    /// Answers in another order.
    EchoReorders,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 34] = [
        Self::ClientNeverAsks,
        Self::ClientSpeaksMptcp,
        Self::ClientRefusesAll,
        Self::ClientClaimsOpen,
        Self::ClientHidesErrno,
        Self::ClientLeaks,
        Self::ClientIgnoresLimit,
        Self::ClientLenient,
        Self::ClientLosesMessage,
        Self::ClientReconnects,
        Self::ClientMisreportsClose,
        Self::ClientMisnamesSubprotocol,
        Self::ClientIteratesTwice,
        Self::ClientNagles,
        Self::ClientResetsOptions,
        Self::ClientResolvesHost,
        Self::ClientClaimsDeflate,
        Self::ClientOffersNoDeflate,
        Self::ClientIgnoresSize,
        Self::ServerClaimsMptcp,
        Self::ServerSpeaksMptcp,
        Self::ServerNeverAccepts,
        Self::ServerListensAnywhere,
        Self::ServerNeverStops,
        Self::ServerMisreportsClose,
        Self::ServerMisnamesProtocol,
        Self::ServerIgnoresLimit,
        Self::ServerNeverRecovers,
        Self::ServerResetsOptions,
        Self::ServerNagles,
        Self::EchoAlters,
        Self::EchoDrops,
        Self::EchoDoubles,
        Self::EchoReorders,
    ];

    /// Its name in [`mpws_suite::case::Case::mutants`].
    pub fn name(self) -> &'static str {
        match self {
            Self::ClientNeverAsks => "client-never-asks",
            Self::ClientSpeaksMptcp => "client-speaks-mptcp",
            Self::ClientRefusesAll => "client-refuses-all",
            Self::ClientClaimsOpen => "client-claims-open",
            Self::ClientHidesErrno => "client-hides-errno",
            Self::ClientLeaks => "client-leaks",
            Self::ClientIgnoresLimit => "client-ignores-limit",
            Self::ClientLenient => "client-lenient",
            Self::ClientLosesMessage => "client-loses-message",
            Self::ClientReconnects => "client-reconnects",
            Self::ClientMisreportsClose => "client-misreports-close",
            Self::ClientMisnamesSubprotocol => "client-misnames-subprotocol",
            Self::ClientIteratesTwice => "client-iterates-twice",
            Self::ClientNagles => "client-nagles",
            Self::ClientResetsOptions => "client-resets-options",
            Self::ClientResolvesHost => "client-resolves-host",
            Self::ClientClaimsDeflate => "client-claims-deflate",
            Self::ClientOffersNoDeflate => "client-offers-no-deflate",
            Self::ClientIgnoresSize => "client-ignores-size",
            Self::ServerClaimsMptcp => "server-claims-mptcp",
            Self::ServerSpeaksMptcp => "server-speaks-mptcp",
            Self::ServerNeverAccepts => "server-never-accepts",
            Self::ServerListensAnywhere => "server-listens-anywhere",
            Self::ServerNeverStops => "server-never-stops",
            Self::ServerMisreportsClose => "server-misreports-close",
            Self::ServerMisnamesProtocol => "server-misnames-protocol",
            Self::ServerIgnoresLimit => "server-ignores-limit",
            Self::ServerNeverRecovers => "server-never-recovers",
            Self::ServerResetsOptions => "server-resets-options",
            Self::ServerNagles => "server-nagles",
            Self::EchoAlters => "echo-alters",
            Self::EchoDrops => "echo-drops",
            Self::EchoDoubles => "echo-doubles",
            Self::EchoReorders => "echo-reorders",
        }
    }

    /// The fault of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fault| fault.name() == name)
    }

    /// Whether it is the client that lies; else it is the server.
    pub fn is_of_client(self) -> bool {
        self.name().starts_with("client-")
    }
}
