//! The shape of a decision.

use crate::facts::findings::GATEWAY_DUPLICATE;
use crate::model::{CustomerGateway, Finding, Timestamp};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecisionKind {
    InSync,
    Create,
    Adopt,
    Replace,
    Blocked,
}

impl DecisionKind {
    pub fn name(self) -> &'static str {
        match self {
            DecisionKind::InSync => "in_sync",
            DecisionKind::Create => "create",
            DecisionKind::Adopt => "adopt",
            DecisionKind::Replace => "replace",
            DecisionKind::Blocked => "blocked",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    pub kind: DecisionKind,
    /// The customer gateway that the decision is about: ours, the one to adopt, or the one in the way.
    pub customer_gateway: Option<CustomerGateway>,
    /// Everything that the decision would take, in order.
    pub steps: Vec<Step>,
    pub gates: Vec<Gate>,
    pub findings: Vec<Finding>,
    /// What to do now.
    pub next: Next,
    /// What this reading proved about an earlier write whose answer never came.
    pub concluded: Option<Concluded>,
}

impl Decision {
    /// Nothing may be written, for the reasons in the findings and gates.
    pub fn blocked(findings: Vec<Finding>, gates: Vec<Gate>) -> Decision {
        Decision {
            kind: DecisionKind::Blocked,
            customer_gateway: None,
            steps: Vec::new(),
            gates,
            findings,
            next: Next::Nothing,
            concluded: None,
        }
    }

    /// Another customer gateway of ours is there: whether connections still use it tells only a list of them.
    pub fn may_be_half_replaced(&self) -> bool {
        self.kind == DecisionKind::InSync && self.findings.iter().any(|finding| finding.code == GATEWAY_DUPLICATE)
    }

    pub fn errors(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.is_error())
    }
}

/// An earlier write whose outcome is now known by looking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Concluded {
    /// Journal sequence number of the intent.
    pub intent: i64,
    /// The object that the write made or changed; `None`: it did not happen.
    pub found: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    Nothing,
    Do(Step),
    Wait(Hold),
}

/// Not now, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    pub reason: HoldReason,
    /// When looking again can change the answer.
    pub until: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldReason {
    /// An earlier write may still take effect.
    Unconfirmed,
    /// What we made a moment ago is not shown yet; reads lag behind writes.
    ReadsLag,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// `1`, `2`, … within the plan.
    pub id: String,
    pub action: StepAction,
    /// The object, or the address of one that does not exist yet.
    pub target: String,
    pub strategy: Option<Strategy>,
    pub reason: String,
    /// Whether it can interrupt traffic or removes something.
    pub destructive: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepAction {
    CreateCustomerGateway,
    DeleteCustomerGateway,
    /// Puts our mark on a customer gateway.
    TagResources,
    /// Takes our mark off.
    UnTagResources,
    ModifyTunnelAttribute,
    ModifyVpnAttachmentAttribute,
    DeleteVpnConnection,
    CreateVpnConnection,
    DeleteTransitRouterVpnAttachment,
    CreateTransitRouterVpnAttachment,
    AssociateTransitRouterAttachmentWithRouteTable,
    EnableTransitRouterRouteTablePropagation,
    DissociateTransitRouterAttachmentFromRouteTable,
    DisableTransitRouterRouteTablePropagation,
    DeleteVpnAttachment,
    CreateVpnAttachment,
    CreateVpnRouteEntry,
    DeleteVpnRouteEntry,
    CreateVpnPbrRouteEntry,
    DeleteVpnPbrRouteEntry,
    PublishVpnRouteEntry,
    CreateVcoRouteEntry,
    /// No call that changes anything: waits until a tunnel works.
    Verify,
}

impl StepAction {
    /// The API's name of the call.
    pub fn name(self) -> &'static str {
        match self {
            StepAction::CreateCustomerGateway => "CreateCustomerGateway",
            StepAction::DeleteCustomerGateway => "DeleteCustomerGateway",
            StepAction::TagResources => "TagResources",
            StepAction::UnTagResources => "UnTagResources",
            StepAction::ModifyTunnelAttribute => "ModifyTunnelAttribute",
            StepAction::ModifyVpnAttachmentAttribute => "ModifyVpnAttachmentAttribute",
            StepAction::DeleteVpnConnection => "DeleteVpnConnection",
            StepAction::CreateVpnConnection => "CreateVpnConnection",
            StepAction::DeleteTransitRouterVpnAttachment => "DeleteTransitRouterVpnAttachment",
            StepAction::CreateTransitRouterVpnAttachment => "CreateTransitRouterVpnAttachment",
            StepAction::AssociateTransitRouterAttachmentWithRouteTable => "AssociateTransitRouterAttachmentWithRouteTable",
            StepAction::EnableTransitRouterRouteTablePropagation => "EnableTransitRouterRouteTablePropagation",
            StepAction::DissociateTransitRouterAttachmentFromRouteTable => "DissociateTransitRouterAttachmentFromRouteTable",
            StepAction::DisableTransitRouterRouteTablePropagation => "DisableTransitRouterRouteTablePropagation",
            StepAction::DeleteVpnAttachment => "DeleteVpnAttachment",
            StepAction::CreateVpnAttachment => "CreateVpnAttachment",
            StepAction::CreateVpnRouteEntry => "CreateVpnRouteEntry",
            StepAction::DeleteVpnRouteEntry => "DeleteVpnRouteEntry",
            StepAction::CreateVpnPbrRouteEntry => "CreateVpnPbrRouteEntry",
            StepAction::DeleteVpnPbrRouteEntry => "DeleteVpnPbrRouteEntry",
            StepAction::PublishVpnRouteEntry => "PublishVpnRouteEntry",
            StepAction::CreateVcoRouteEntry => "CreateVcoRouteEntry",
            StepAction::Verify => "Verify",
        }
    }
}

/// How a connection comes to refer to the new customer gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// Pointed at it in place.
    Rebind,
    /// Deleted and made again: the cloud has no other way.
    Recreate,
}

impl Strategy {
    pub fn name(self) -> &'static str {
        match self {
            Strategy::Rebind => "rebind",
            Strategy::Recreate => "recreate",
        }
    }
}

/// A condition that must hold before anything is written, with its evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gate {
    pub name: &'static str,
    pub passed: bool,
    pub detail: String,
}

impl Gate {
    pub fn passed(name: &'static str, detail: impl Into<String>) -> Gate {
        Gate { name, passed: true, detail: detail.into() }
    }

    pub fn refused(name: &'static str, detail: impl Into<String>) -> Gate {
        Gate { name, passed: false, detail: detail.into() }
    }
}
