//! Faults of the bench on purpose: the wires and settings among the mutants.
//!
//! A case whose wire or setting is left out must turn red. Tests run cells with a sabotage to see that; users
//! have no way to it.

use mpws_lab::rule::{Action, MptcpMatch, Rewrite, Rule};

/// What is broken in the bench.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sabotage {
    /// `rule-left-out`: rules of the case match and count packets and let them pass unchanged; in place of its middleboxes stand
    /// bridges.
    RuleLeftOut,
    /// `rule-left-in`: rules are not taken away when the case says so.
    RuleLeftIn,
    /// `sysctl-left-on`: sysctls are not set.
    SysctlLeftOn,
    /// `endpoint-left-out`: no endpoint is given to a path manager.
    EndpointLeftOut,
    /// `limits-left-out`: the limits of the path managers stay as the kernel sets them.
    LimitsLeftOut,
    /// `cut-left-out`: links stay up, and endpoints stay.
    CutLeftOut,
    /// `endpoint-without-port`: endpoints are made without the port that they should have.
    EndpointWithoutPort,
    /// `filter-left-out`: no seccomp filter or Landlock rule is installed.
    FilterLeftOut,
    /// `constant-left-in`: the client's environment variables are not set.
    ConstantLeftIn,
    /// `bench-speaks-tcp`: sockets of the bench are TCP where they should be MPTCP.
    BenchSpeaksTcp,
    /// `bench-speaks-mptcp`: sockets of the bench are MPTCP where they should be TCP.
    BenchSpeaksMptcp,
    /// `wire-strips-mptcp`: the wire removes every MPTCP option.
    WireStripsMptcp,
    /// `wire-resets-fin`: the wire answers every FIN with a reset.
    WireResetsFin,
    /// `client-host-breaks-mptcp`: the client's host sends an MPTCP option that has no form of the RFC.
    ClientHostBreaksMptcp,
    /// `wire-corrupts-payload`: the wire changes a byte of every segment that is long enough.
    WireCorruptsPayload,
}

impl Sabotage {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::RuleLeftOut,
        Self::RuleLeftIn,
        Self::SysctlLeftOn,
        Self::EndpointLeftOut,
        Self::LimitsLeftOut,
        Self::CutLeftOut,
        Self::EndpointWithoutPort,
        Self::FilterLeftOut,
        Self::ConstantLeftIn,
        Self::BenchSpeaksTcp,
        Self::BenchSpeaksMptcp,
        Self::WireStripsMptcp,
        Self::WireResetsFin,
        Self::ClientHostBreaksMptcp,
        Self::WireCorruptsPayload,
    ];

    /// Its name in [`crate::case::Case::mutants`].
    pub fn name(self) -> &'static str {
        match self {
            Self::RuleLeftOut => "rule-left-out",
            Self::RuleLeftIn => "rule-left-in",
            Self::SysctlLeftOn => "sysctl-left-on",
            Self::EndpointLeftOut => "endpoint-left-out",
            Self::LimitsLeftOut => "limits-left-out",
            Self::CutLeftOut => "cut-left-out",
            Self::EndpointWithoutPort => "endpoint-without-port",
            Self::FilterLeftOut => "filter-left-out",
            Self::ConstantLeftIn => "constant-left-in",
            Self::BenchSpeaksTcp => "bench-speaks-tcp",
            Self::BenchSpeaksMptcp => "bench-speaks-mptcp",
            Self::WireStripsMptcp => "wire-strips-mptcp",
            Self::WireResetsFin => "wire-resets-fin",
            Self::ClientHostBreaksMptcp => "client-host-breaks-mptcp",
            Self::WireCorruptsPayload => "wire-corrupts-payload",
        }
    }

    /// The rule that a wire with this fault has before all others.
    pub(crate) fn rule(self) -> Option<Rule> {
        match self {
            Self::WireStripsMptcp => Some(
                Rule::new("sabotage", Action::Rewrite(Rewrite::StripMptcp)).mptcp(MptcpMatch::Any),
            ),
            Self::WireResetsFin => {
                let mut rule = Rule::new("sabotage", Action::Reset);
                rule.when.fin = Some(true);
                Some(rule)
            }
            Self::WireCorruptsPayload => Some(
                Rule::new(
                    "sabotage",
                    Action::Rewrite(Rewrite::CorruptPayload {
                        offset: 60,
                        mask: 1,
                    }),
                )
                .payload(true),
            ),
            _ => None,
        }
    }
}
