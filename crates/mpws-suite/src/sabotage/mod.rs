//! Faults of the suite on purpose: the wires and settings among the mutants.
//!
//! A case whose wire or setting is left out must turn red. Tests run cells with a sabotage to see
//! that; users have no way to it. A fault takes the place of what a cell does to its surroundings
//! ([`crate::cell`]); nothing else knows of it.

mod faults;

use mpws_peers::protocol::SocketProtocol;

use crate::cell::effects::{Effects, Faultless};

/// Makes the one list of faults: variant, name, and what stands in for the cell's effects.
macro_rules! sabotages {
    ($($(#[$doc:meta])* $variant:ident, $name:literal, $effects:expr;)*) => {
        /// What is broken in the suite.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Sabotage {
            $($(#[$doc])* $variant,)*
        }

        impl Sabotage {
            /// Every fault.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name in [`crate::case::Case::mutants`].
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            fn effects(self) -> &'static dyn Effects {
                match self {
                    $(Self::$variant => &$effects,)*
                }
            }
        }
    };
}

sabotages! {
    /// Rules of the case match and count packets and let them pass unchanged; in place of its
    /// middleboxes stand bridges.
    RuleLeftOut, "rule-left-out", faults::RuleLeftOut;
    /// Rules are not taken away when the case says so.
    RuleLeftIn, "rule-left-in", faults::RuleLeftIn;
    /// Sysctls are not set.
    SysctlLeftOn, "sysctl-left-on", faults::SysctlLeftOn;
    /// No endpoint is given to a path manager.
    EndpointLeftOut, "endpoint-left-out", faults::EndpointLeftOut;
    /// The limits of the path managers stay as the kernel sets them.
    LimitsLeftOut, "limits-left-out", faults::LimitsLeftOut;
    /// Links stay up, and endpoints stay.
    CutLeftOut, "cut-left-out", faults::CutLeftOut;
    /// Endpoints are made without the port that they should have.
    EndpointWithoutPort, "endpoint-without-port", faults::EndpointWithoutPort;
    /// No seccomp filter or Landlock rule is installed.
    FilterLeftOut, "filter-left-out", faults::FilterLeftOut;
    /// The client's environment variables are not set.
    ConstantLeftIn, "constant-left-in", faults::ConstantLeftIn;
    /// Sockets of the suite's own are TCP where they should be MPTCP.
    SuiteSpeaksTcp, "suite-speaks-tcp", faults::SuiteSpeaks(SocketProtocol::Tcp);
    /// Sockets of the suite's own are MPTCP where they should be TCP.
    SuiteSpeaksMptcp, "suite-speaks-mptcp", faults::SuiteSpeaks(SocketProtocol::Mptcp);
    /// The wire removes every MPTCP option.
    WireStripsMptcp, "wire-strips-mptcp", faults::FaultyWire(faults::strips_mptcp);
    /// The wire answers every FIN with a reset.
    WireResetsFin, "wire-resets-fin", faults::FaultyWire(faults::resets_fin);
    /// The client's host sends an MPTCP option that has no form of the RFC.
    ClientHostBreaksMptcp, "client-host-breaks-mptcp", faults::ClientHostBreaksMptcp;
    /// The wire changes a byte of every segment that is long enough.
    WireCorruptsPayload, "wire-corrupts-payload", faults::FaultyWire(faults::corrupts_payload);
}

/// What stands between a cell and its surroundings: with a fault, what it does in place of some of
/// it.
pub(crate) fn effects(sabotage: Option<Sabotage>) -> &'static dyn Effects {
    sabotage.map_or(&Faultless, Sabotage::effects)
}
