//! What each fault does in place of what the cell asked for.

use std::io;
use std::net::IpAddr;

use mptcp::AddressId;
use mptcp::diag::MptcpSocket;
use mptcp::pm::{Endpoint, EndpointFlags, Limits, NetlinkError, PathManager};
use mpws_lab::middlebox::Middlebox;
use mpws_lab::rule::{Action, MptcpMatch, Rewrite, Rule};
use mpws_lab::{BoxId, Host, InstallError, Lab, PathError, RuleId};
use mpws_model::Ip;
use mpws_peers::LaunchOptions;
use mpws_peers::protocol::SocketProtocol;

use crate::cell::effects::Effects;
use crate::cell::{CellEnd, stray};

pub(super) struct RuleLeftOut;

impl Effects for RuleLeftOut {
    fn install(&self, lab: &Lab, rule: &Rule) -> Result<RuleId, InstallError> {
        lab.install(&Rule {
            then: Action::Pass,
            ..rule.clone()
        })
    }

    fn place(&self, lab: &Lab, path: u8, _: &Middlebox) -> Result<BoxId, PathError> {
        lab.place(path, &Middlebox::Bridge)
    }
}

pub(super) struct RuleLeftIn;

impl Effects for RuleLeftIn {
    fn lift(&self, _: &Lab, _: RuleId) -> io::Result<bool> {
        Ok(false)
    }
}

pub(super) struct SysctlLeftOn;

impl Effects for SysctlLeftOn {
    fn set_sysctl(&self, _: &Host, _: &str, _: &str) -> io::Result<()> {
        Ok(())
    }

    fn launch(&self, options: LaunchOptions) -> LaunchOptions {
        LaunchOptions {
            sysctls: Vec::new(),
            ..options
        }
    }
}

pub(super) struct EndpointLeftOut;

impl Effects for EndpointLeftOut {
    fn add_endpoint(&self, _: &mut PathManager, _: &Endpoint) -> Result<(), NetlinkError> {
        Ok(())
    }
}

pub(super) struct EndpointWithoutPort;

impl Effects for EndpointWithoutPort {
    fn add_endpoint(
        &self,
        manager: &mut PathManager,
        endpoint: &Endpoint,
    ) -> Result<(), NetlinkError> {
        manager.add_endpoint(&Endpoint {
            port: None,
            ..*endpoint
        })
    }
}

pub(super) struct LimitsLeftOut;

impl Effects for LimitsLeftOut {
    fn set_limits(&self, _: &mut PathManager, _: Limits) -> Result<(), NetlinkError> {
        Ok(())
    }
}

pub(super) struct CutLeftOut;

impl Effects for CutLeftOut {
    fn set_link(&self, _: &Host, _: u8, _: bool) -> io::Result<()> {
        Ok(())
    }

    fn remove_address(&self, _: &Host, _: u8, _: Ip) -> io::Result<()> {
        Ok(())
    }

    fn delete_endpoint(&self, _: &mut PathManager, _: AddressId) -> Result<(), NetlinkError> {
        Ok(())
    }

    fn delete_initial_address(&self, _: &mut PathManager, _: IpAddr) -> Result<(), NetlinkError> {
        Ok(())
    }

    fn set_flags(
        &self,
        _: &mut PathManager,
        _: AddressId,
        _: EndpointFlags,
    ) -> Result<(), NetlinkError> {
        Ok(())
    }
}

pub(super) struct FilterLeftOut;

impl Effects for FilterLeftOut {
    fn launch(&self, options: LaunchOptions) -> LaunchOptions {
        LaunchOptions {
            deny_mptcp: None,
            ..options
        }
    }

    fn sandbox(&self, _: fn() -> Result<(), CellEnd>) -> Result<(), CellEnd> {
        Ok(())
    }
}

pub(super) struct ConstantLeftIn;

impl Effects for ConstantLeftIn {
    fn launch(&self, options: LaunchOptions) -> LaunchOptions {
        LaunchOptions {
            env: Vec::new(),
            ..options
        }
    }
}

/// Sockets of the suite's own speak this protocol, whatever is asked.
pub(super) struct SuiteSpeaks(pub(super) SocketProtocol);

impl Effects for SuiteSpeaks {
    fn own_socket(&self, _: SocketProtocol) -> SocketProtocol {
        self.0
    }
}

/// The wire has a rule before all those of the case.
pub(super) struct FaultyWire(pub(super) fn() -> Rule);

impl Effects for FaultyWire {
    fn begin(&self, lab: &Lab) -> Result<(), InstallError> {
        lab.install(&(self.0)()).map(drop)
    }
}

pub(super) fn strips_mptcp() -> Rule {
    let strip = Action::Rewrite(Rewrite::StripMptcp);
    Rule::new(NAME, strip).mptcp(MptcpMatch::Any)
}

pub(super) fn resets_fin() -> Rule {
    let mut rule = Rule::new(NAME, Action::Reset);
    rule.when.fin = Some(true);
    rule
}

pub(super) fn corrupts_payload() -> Rule {
    let corrupt = Rewrite::CorruptPayload {
        offset: 60,
        mask: 1,
    };
    Rule::new(NAME, Action::Rewrite(corrupt)).payload(true)
}

/// Name of the rule in a capture.
const NAME: &str = "sabotage";

pub(super) struct ClientHostBreaksMptcp;

impl Effects for ClientHostBreaksMptcp {
    /// Sends a packet of the client's last MPTCP connection with an MPTCP option that is cut short.
    /// The server's kernel throws it away, for it has no checksum; nothing but the wire sees it.
    fn before_close(&self, client: &Host, last: Option<&MptcpSocket>) -> Result<(), CellEnd> {
        let Some(socket) = last else {
            return Err(CellEnd::Broken("no MPTCP connection to spoil".to_owned()));
        };
        // A DSS of three bytes, and padding.
        let options = [mpws_codec::mptcp::KIND_MPTCP, 3, 0x20, 1];
        stray(client, socket.local.port(), socket.remote, options)
    }
}
