"""VPN gateways, transit routers and IPsec connections of all kinds through the official SDK."""

import json
import time
import unittest

from alibabacloud_cbn20170912 import models as cbn
from alibabacloud_cbn20170912.client import Client as CbnClient
from alibabacloud_vpc20160428 import models as vpc
from common import REGION, client, config, refused


class Connections(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cloud = client()
        cls.cbn = CbnClient(config())

    def gateway(self, id):
        return self.cloud.describe_vpn_gateway(vpc.DescribeVpnGatewayRequest(region_id=REGION, vpn_gateway_id=id)).body

    def describe(self, id):
        return self.cloud.describe_vpn_connection(vpc.DescribeVpnConnectionRequest(region_id=REGION, vpn_connection_id=id)).body

    def wait(self, what, wanted):
        for _ in range(100):
            if what() == wanted:
                return
            time.sleep(0.05)
        self.assertEqual(what(), wanted)

    def test_vpn_gateways(self):
        dual = self.gateway("vpn-dual")
        self.assertEqual((dual.internet_ip, dual.disaster_recovery_internet_ip), ("47.96.1.1", "47.96.1.2"))
        self.assertTrue(dual.disaster_recovery_vswitch_id)
        self.assertIs(dual.enable_bgp, True)
        self.assertIn("VpnEnableBgp", json.loads(dual.tag))
        self.assertIsNone(self.gateway("vpn-single").disaster_recovery_internet_ip)
        page = self.cloud.describe_vpn_gateways(vpc.DescribeVpnGatewaysRequest(region_id=REGION)).body
        self.assertEqual({gateway.vpn_gateway_id for gateway in page.vpn_gateways.vpn_gateway}, {"vpn-dual", "vpn-single"})
        with refused(self, "InvalidVpnGatewayInstanceId.NotFound", 404):
            self.gateway("vpn-nobody")

    def test_dual_tunnel(self):
        shown = self.describe("vco-dual")
        self.assertEqual((shown.vpn_gateway_id, shown.state), ("vpn-dual", "active"))
        self.assertEqual(shown.tags.tag[0].key, "site")
        one, two = shown.tunnel_options_specification.tunnel_options
        self.assertEqual((one.role, one.tunnel_index, one.internet_ip), ("master", 1, "47.96.1.1"))
        self.assertEqual((two.role, two.tunnel_index, two.internet_ip), ("slave", 2, "47.96.1.2"))
        self.assertEqual((one.enable_dpd, one.status), ("true", "ipsec_sa_established"))
        self.assertEqual((one.tunnel_ike_config.psk, one.tunnel_ike_config.ike_lifetime), ("key-of-tunnel-1", "86400"))
        self.assertEqual((one.tunnel_ike_config.local_id, one.tunnel_ike_config.remote_id), ("47.96.1.1", "203.0.113.10"))
        self.assertEqual(len(two.tunnel_ike_config.psk), 16)
        bgp = one.tunnel_bgp_config
        self.assertEqual((bgp.bgp_status, bgp.local_asn, bgp.peer_asn, bgp.peer_bgp_ip), ("success", "45104", "65001", "169.254.10.2"))
        self.assertEqual(two.tunnel_bgp_config.peer_bgp_ip, "169.254.11.1")

    def test_single_tunnel(self):
        shown = self.describe("vco-single")
        self.assertIsNone(shown.tunnel_options_specification)
        self.assertEqual((shown.customer_gateway_id, shown.enable_dpd), ("cgw-1", True))
        self.assertEqual((shown.ike_config.psk, shown.ike_config.ike_version), ("key-of-single", "ikev2"))
        self.assertEqual((shown.ike_config.local_id, shown.ike_config.remote_id, shown.ike_config.ike_lifetime), ("47.96.2.1", "203.0.113.10", 86400))
        self.assertEqual((shown.vpn_bgp_config.enable_bgp, shown.vpn_bgp_config.peer_asn, shown.vpn_bgp_config.auth_key), ("true", 65001, "bgp-key"))
        self.assertEqual((shown.vco_health_check.enable, shown.vco_health_check.dip, shown.vco_health_check.interval), ("true", "192.168.1.1", 3))

    def test_transit_router_kinds(self):
        dual, legacy, unbound = (self.describe(id) for id in ("vco-attached", "vco-legacy", "vco-unbound"))
        for shown in (dual, legacy, unbound):
            self.assertEqual(shown.vpn_gateway_id, "vpn-not-exist")
        self.assertEqual((dual.state, legacy.state, unbound.state), ("attached", "attached", "init"))
        self.assertEqual((dual.transit_router_id, dual.transit_router_name), ("tr-1", "router"))
        self.assertEqual(legacy.customer_gateway_id, "cgw-2")
        self.assertTrue(legacy.internet_ip)
        self.assertEqual([t.customer_gateway_id for t in dual.tunnel_options_specification.tunnel_options], ["cgw-1", "cgw-2"])
        page = self.cloud.describe_vpn_attachments(vpc.DescribeVpnAttachmentsRequest(region_id=REGION)).body
        seen = {row.instance_id: row.description for row in page.vpn_attachments}
        self.assertEqual(seen.get("vco-attached"), "on the router")
        self.assertIn("vco-legacy", seen)
        self.assertNotIn("vco-unbound", seen)
        with refused(self, "InvalidVpnConnectionInstanceId.NotFound", 404):
            self.describe("vco-nobody")

    def test_list(self):
        def found(**fields):
            page = self.cloud.describe_vpn_connections(vpc.DescribeVpnConnectionsRequest(region_id=REGION, page_size=50, **fields)).body
            return {row.vpn_connection_id: row for row in page.vpn_connections.vpn_connection}

        rows = found()
        self.assertLessEqual({"vco-dual", "vco-single", "vco-attached", "vco-legacy", "vco-unbound"}, set(rows))
        self.assertEqual(rows["vco-dual"].tag.tag[0].value, "sh-01")
        self.assertEqual(len(rows["vco-dual"].tunnel_options_specification.tunnel_options), 2)
        self.assertIn("vco-dual", found(vpn_gateway_id="vpn-dual"))
        self.assertEqual(set(found(customer_gateway_id="cgw-1")), {"vco-single"})

    def create_dual(self, **fields):
        def tunnel(role, index):
            return vpc.CreateVpnConnectionRequestTunnelOptionsSpecification(
                customer_gateway_id="cgw-2", role=role, enable_dpd=False,
                tunnel_ike_config=vpc.CreateVpnConnectionRequestTunnelOptionsSpecificationTunnelIkeConfig(
                    ike_version="ikev2", ike_lifetime=3600, psk=None if index == 2 else "given&kept+%="
                ),
                tunnel_bgp_config=vpc.CreateVpnConnectionRequestTunnelOptionsSpecificationTunnelBgpConfig(
                    local_asn=45104, tunnel_cidr=f"169.254.2{index}.0/30", local_bgp_ip=f"169.254.2{index}.1"
                ),
            )

        request = vpc.CreateVpnConnectionRequest(
            region_id=REGION, vpn_gateway_id="vpn-dual", local_subnet="10.1.0.0/16", remote_subnet="192.168.1.0/24",
            enable_tunnels_bgp=True, tunnel_options_specification=[tunnel("master", 1), tunnel("slave", 2)],
            tags=[vpc.CreateVpnConnectionRequestTags(key="cgwd-device", value="sdk")], **fields,
        )
        return self.cloud.create_vpn_connection(request).body

    def test_create_and_delete_dual_tunnel(self):
        with refused(self, "DryRunOperation", 400):
            self.create_dual(dry_run=True)
        made = self.create_dual(name="made", client_token="dual-1")
        self.assertEqual(self.gateway("vpn-dual").status, "updating")
        with refused(self, "VpnGateway.Configuring", 400):
            self.create_dual()
        self.assertEqual(self.create_dual(name="made", client_token="dual-1").vpn_connection_id, made.vpn_connection_id)
        self.wait(lambda: self.gateway("vpn-dual").status, "active")
        shown = self.describe(made.vpn_connection_id)
        self.assertEqual((shown.state, shown.tags.tag[0].value), ("active", "sdk"))
        one, two = shown.tunnel_options_specification.tunnel_options
        self.assertEqual((one.tunnel_ike_config.psk, one.tunnel_ike_config.ike_lifetime), ("given&kept+%=", "3600"))
        self.assertEqual((one.enable_dpd, two.enable_dpd, len(two.tunnel_ike_config.psk)), ("false", "false", 16))
        self.assertEqual(two.tunnel_bgp_config.peer_asn, "8061384")
        with refused(self, "InvalidVpnConnection.AlreadyExists", 400):
            self.create_without_bgp()
        request = vpc.DeleteVpnConnectionRequest(region_id=REGION, vpn_connection_id=made.vpn_connection_id)
        self.assertTrue(self.cloud.delete_vpn_connection(request).body.request_id)
        with refused(self, "VpnGateway.task.conflict", 400):
            self.cloud.delete_customer_gateway(vpc.DeleteCustomerGatewayRequest(region_id=REGION, customer_gateway_id="cgw-2"))
        self.wait(lambda: self.gateway("vpn-dual").status, "active")
        with refused(self, "InvalidVpnConnectionInstanceId.NotFound", 404):
            self.describe(made.vpn_connection_id)

    def create_without_bgp(self):
        tunnel = vpc.CreateVpnConnectionRequestTunnelOptionsSpecification(customer_gateway_id="cgw-2")
        self.cloud.create_vpn_connection(
            vpc.CreateVpnConnectionRequest(
                region_id=REGION, vpn_gateway_id="vpn-dual", local_subnet="10.1.0.0/16", remote_subnet="192.168.1.0/24",
                tunnel_options_specification=[tunnel, tunnel],
            )
        )

    def test_create_single_tunnel(self):
        made = self.cloud.create_vpn_connection(
            vpc.CreateVpnConnectionRequest(
                region_id=REGION, vpn_gateway_id="vpn-single", customer_gateway_id="cgw-2",
                local_subnet="10.2.0.0/16,10.3.0.0/16", remote_subnet="192.168.2.0/24",
                ike_config=json.dumps({"Psk": "p+sk", "IkeVersion": "ikev2", "IkeLifetime": 3600}),
                ipsec_config=json.dumps({"IpsecPfs": "disabled"}),
                bgp_config=json.dumps({"EnableBgp": "true", "LocalAsn": "45104", "TunnelCidr": "169.254.30.0/30", "LocalBgpIp": "169.254.30.1"}),
                health_check_config=json.dumps({"enable": "true", "dip": "192.168.2.1", "sip": "10.2.0.1", "interval": "5", "retry": "2"}),
                effect_immediately=True, enable_dpd=False, enable_nat_traversal=False,
            )
        ).body
        self.wait(lambda: self.describe(made.vpn_connection_id).state, "active")
        shown = self.describe(made.vpn_connection_id)
        self.assertEqual((shown.ike_config.psk, shown.ike_config.remote_id, shown.ipsec_config.ipsec_pfs), ("p+sk", "203.0.113.20", "disabled"))
        self.assertEqual((shown.effect_immediately, shown.enable_dpd, shown.enable_nat_traversal), (True, False, False))
        self.assertEqual((shown.vco_health_check.interval, shown.vpn_bgp_config.peer_bgp_ip), (5, "169.254.30.2"))
        self.wait(lambda: self.gateway("vpn-single").status, "active")

    def test_modify_tunnel(self):
        made = self.create_for_change("10.4.0.0/16")
        one, two = self.describe(made).tunnel_options_specification.tunnel_options
        models = vpc.ModifyTunnelAttributeRequestTunnelOptionsSpecification
        ike = vpc.ModifyTunnelAttributeRequestTunnelOptionsSpecificationTunnelIkeConfig(remote_id="203.0.113.30", psk="p+sk&=%")
        request = vpc.ModifyTunnelAttributeRequest(
            region_id=REGION, vpn_connection_id=made, tunnel_id=two.tunnel_id, client_token="tunnel-1",
            tunnel_options_specification=models(customer_gateway_id="cgw-3", enable_dpd=False, tunnel_ike_config=ike),
        )
        reply = self.cloud.modify_tunnel_attribute(request).body
        self.assertEqual((reply.tunnel_id, reply.customer_gateway_id, reply.state), (two.tunnel_id, "cgw-3", "updating"))
        self.assertEqual((reply.enable_dpd, reply.tunnel_ike_config.ike_lifetime, reply.tunnel_bgp_config.enable_bgp), (False, 86400, False))
        self.assertEqual(self.cloud.modify_tunnel_attribute(request).body.tunnel_id, two.tunnel_id, "the same token")
        with refused(self, "VpnConnection.Configuring", 400):
            request.client_token = None
            self.cloud.modify_tunnel_attribute(request)
        self.wait(lambda: self.gateway("vpn-dual").status, "active")
        shown = self.describe(made).tunnel_options_specification.tunnel_options
        self.assertEqual([tunnel.customer_gateway_id for tunnel in shown], [one.customer_gateway_id, "cgw-3"])
        self.assertEqual((shown[1].tunnel_ike_config.psk, shown[1].tunnel_ike_config.remote_id), ("p+sk&=%", "203.0.113.30"))
        self.explain(made, two.tunnel_id)
        self.delete(made)

    def explain(self, id, tunnel):
        page = self.cloud.diagnose_vpn_connections(vpc.DiagnoseVpnConnectionsRequest(region_id=REGION, tunnel_ids=[tunnel])).body
        row = page.vpn_connections[0]
        self.assertEqual((row.vpn_connection_id, row.tunnel_id, row.failed_reason_code), (id, tunnel, "NegotiationTimeout"))
        request = vpc.DescribeVpnConnectionLogsRequest(region_id=REGION, vpn_connection_id=id, minute_period=10, tunnel_id=tunnel)
        self.assertIn("203.0.113.30", "".join(self.cloud.describe_vpn_connection_logs(request).body.data.logs))
        request = vpc.DownloadVpnConnectionConfigRequest(region_id=REGION, vpn_connection_id=id)
        tunnels = self.cloud.download_vpn_connection_config(request).body.vpn_connection_config.tunnels_config.tunnel_config
        self.assertEqual((tunnels[1].tunnel_id, tunnels[1].local, tunnels[1].ike_config.psk), (tunnel, "203.0.113.30", "p+sk&=%"))

    def test_modify_connection(self):
        made = self.create_for_change("10.5.0.0/16")
        models = vpc.ModifyVpnConnectionAttributeRequestTunnelOptionsSpecification
        tunnels = [
            models(tunnel_id=tunnel.tunnel_id, role=tunnel.role, customer_gateway_id="cgw-3")
            for tunnel in self.describe(made).tunnel_options_specification.tunnel_options
        ]
        request = vpc.ModifyVpnConnectionAttributeRequest(
            region_id=REGION, vpn_connection_id=made, name="changed", effect_immediately=True, tunnel_options_specification=tunnels
        )
        reply = self.cloud.modify_vpn_connection_attribute(request).body
        self.assertEqual((reply.name, reply.effect_immediately, reply.vpn_gateway_id), ("changed", True, "vpn-dual"))
        self.assertEqual({tunnel.customer_gateway_id for tunnel in reply.tunnel_options_specification.tunnel_options}, {"cgw-3"})
        self.assertEqual(self.describe(made).state, "updating")
        self.wait(lambda: self.describe(made).state, "active")
        self.delete(made)

    def test_modify_attachment(self):
        tunnels = [vpc.ModifyVpnAttachmentAttributeRequestTunnelOptionsSpecification(tunnel_index=2, customer_gateway_id="cgw-1")]
        request = vpc.ModifyVpnAttachmentAttributeRequest(
            region_id=REGION, vpn_connection_id="vco-attached", tunnel_options_specification=tunnels
        )
        reply = self.cloud.modify_vpn_attachment_attribute(request).body
        self.assertEqual([tunnel.customer_gateway_id for tunnel in reply.tunnel_options_specification], ["cgw-1", "cgw-1"])
        self.assertEqual((reply.attach_type, reply.status), ("CEN", "ike_sa_not_established"))
        self.wait(lambda: self.describe("vco-attached").state, "attached")
        tunnels[0].customer_gateway_id = "cgw-2"
        self.cloud.modify_vpn_attachment_attribute(request)
        self.wait(lambda: self.describe("vco-attached").state, "attached")

        legacy = vpc.ModifyVpnAttachmentAttributeRequest(
            region_id=REGION, vpn_connection_id="vco-legacy", customer_gateway_id="cgw-2", ike_config=json.dumps({"RemoteId": "203.0.113.20"})
        )
        reply = self.cloud.modify_vpn_attachment_attribute(legacy).body
        self.assertEqual((reply.customer_gateway_id, reply.ike_config.remote_id, reply.enable_dpd), ("cgw-2", "203.0.113.20", True))
        self.wait(lambda: self.describe("vco-legacy").state, "attached")

    def create_for_change(self, subnet):
        tunnel = vpc.CreateVpnConnectionRequestTunnelOptionsSpecification(customer_gateway_id="cgw-2")
        request = vpc.CreateVpnConnectionRequest(
            region_id=REGION, vpn_gateway_id="vpn-dual", local_subnet=subnet, remote_subnet="192.168.4.0/24",
            tunnel_options_specification=[tunnel, tunnel],
        )
        made = self.cloud.create_vpn_connection(request).body.vpn_connection_id
        self.wait(lambda: self.gateway("vpn-dual").status, "active")
        return made

    def delete(self, id):
        self.cloud.delete_vpn_connection(vpc.DeleteVpnConnectionRequest(region_id=REGION, vpn_connection_id=id))
        self.wait(lambda: self.gateway("vpn-dual").status, "active")

    def test_attachment_life(self):
        with refused(self, "VpnConnection.InvalidCreateTunnelOptions", 400):
            self.cloud.create_vpn_attachment(
                vpc.CreateVpnAttachmentRequest(
                    region_id=REGION, customer_gateway_id="cgw-3", local_subnet="0.0.0.0/0", remote_subnet="0.0.0.0/0"
                )
            )
        tunnels = [
            vpc.CreateVpnAttachmentRequestTunnelOptionsSpecification(customer_gateway_id="cgw-3", tunnel_index=index) for index in (1, 2)
        ]
        made = self.cloud.create_vpn_attachment(
            vpc.CreateVpnAttachmentRequest(
                region_id=REGION, local_subnet="0.0.0.0/0", remote_subnet="0.0.0.0/0", name="attached",
                tunnel_options_specification=tunnels,
            )
        ).body
        self.assertEqual((made.code, made.success), ("200", True))
        id = made.vpn_connection_id
        first = self.describe(id)
        self.assertEqual(first.state, "init")
        tunnel = first.tunnel_options_specification.tunnel_options[0]
        self.assertEqual((tunnel.tunnel_ike_config.ike_version, tunnel.tunnel_ike_config.ike_auth_alg, tunnel.internet_ip), ("ikev2", "sha1", ""))

        bound = self.cbn.create_transit_router_vpn_attachment(
            cbn.CreateTransitRouterVpnAttachmentRequest(region_id=REGION, transit_router_id="tr-1", vpn_id=id)
        ).body
        self.assertEqual(self.describe(id).state, "attaching")
        self.wait(lambda: self.describe(id).state, "attached")
        self.assertTrue(self.describe(id).tunnel_options_specification.tunnel_options[0].internet_ip)

        def rows(**fields):
            page = self.cbn.list_transit_router_vpn_attachments(cbn.ListTransitRouterVpnAttachmentsRequest(**fields)).body
            return {row.vpn_id: row for row in page.transit_router_attachments or []}

        row = rows(transit_router_id="tr-1")[id]
        self.assertEqual((row.status, row.vpn_region_id, row.auto_publish_route_enabled), ("Attached", REGION, True))
        self.assertEqual(rows(transit_router_id="tr-nobody"), {})
        tables = self.cbn.list_transit_router_route_tables(cbn.ListTransitRouterRouteTablesRequest(transit_router_id="tr-1")).body
        self.assertEqual([table.transit_router_route_table_type for table in tables.transit_router_route_tables], ["System"])

        delete = vpc.DeleteVpnAttachmentRequest(region_id=REGION, vpn_connection_id=id)
        with refused(self, "DependencyViolation.TransitRouter", 400):
            self.cloud.delete_vpn_attachment(delete)
        nobody = cbn.DeleteTransitRouterVpnAttachmentRequest(transit_router_attachment_id="tr-attach-nobody")
        self.assertTrue(self.cbn.delete_transit_router_vpn_attachment(nobody).body.request_id)
        unbind = cbn.DeleteTransitRouterVpnAttachmentRequest(transit_router_attachment_id=bound.transit_router_attachment_id)
        self.cbn.delete_transit_router_vpn_attachment(unbind)
        self.wait(lambda: self.describe(id).state, "init")
        self.assertIs(self.cloud.delete_vpn_attachment(delete).body.success, True)
        with refused(self, "InvalidVpnConnectionInstanceId.NotFound", 404):
            self.describe(id)

    def test_calls_that_are_not_built(self):
        with refused(self, "InvalidApi.NotFound", 404):
            self.cloud.describe_ssl_vpn_servers(vpc.DescribeSslVpnServersRequest(region_id=REGION))


if __name__ == "__main__":
    unittest.main(verbosity=2)
