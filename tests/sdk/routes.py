"""Routes of VPN gateways and of connections on transit routers through the official SDK."""

import time
import unittest

from alibabacloud_vpc20160428 import models as vpc
from common import REGION, client, refused

GATEWAY = {"region_id": REGION, "vpn_gateway_id": "vpn-single"}
ROUTE = {"route_dest": "192.168.50.0/24", "next_hop": "vco-single", "weight": 100}
POLICY = {**ROUTE, "route_source": "10.0.0.0/16"}
VCO = {"region_id": REGION, "vpn_connection_id": "vco-attached"}
VCO_ROUTE = {"route_dest": "192.168.60.0/24", "next_hop": "vco-attached", "weight": 100}


class Routes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cloud = client()

    def wait(self, what, wanted):
        for _ in range(100):
            if what() == wanted:
                return
            time.sleep(0.05)
        self.assertEqual(what(), wanted)

    def wait_for_gateway(self):
        request = vpc.DescribeVpnGatewayRequest(**GATEWAY)
        self.wait(lambda: self.cloud.describe_vpn_gateway(request).body.status, "active")

    def destinations(self, **fields):
        body = self.cloud.describe_vpn_route_entries(vpc.DescribeVpnRouteEntriesRequest(**GATEWAY, **fields)).body
        return body.vpn_route_entries.vpn_route_entry

    def policies(self):
        body = self.cloud.describe_vpn_pbr_route_entries(vpc.DescribeVpnPbrRouteEntriesRequest(**GATEWAY)).body
        return body.vpn_pbr_route_entries.vpn_pbr_route_entry

    def test_destination_and_policy_routes(self):
        new = vpc.CreateVpnRouteEntryRequest(**GATEWAY, **ROUTE, publish_vpc=False, description="by hand", client_token="route-1")
        with refused(self, "DryRunOperation", 400):
            self.cloud.create_vpn_route_entry(
                vpc.CreateVpnRouteEntryRequest(**GATEWAY, **ROUTE, publish_vpc=False, description="by hand", dry_run=True)
            )
        made = self.cloud.create_vpn_route_entry(new).body
        self.assertEqual((made.vpn_instance_id, made.route_dest, made.weight, made.description), ("vpn-single", "192.168.50.0/24", 100, "by hand"))
        policy = vpc.CreateVpnPbrRouteEntryRequest(**GATEWAY, **POLICY, publish_vpc=True, priority=20, overlay_mode="Ipsec")
        with refused(self, "VpnGateway.Configuring", 400):
            self.cloud.create_vpn_pbr_route_entry(policy)
        self.wait_for_gateway()
        made = self.cloud.create_vpn_pbr_route_entry(policy).body
        self.assertEqual((made.route_source, made.priority, made.overlay_mode), ("10.0.0.0/16", 20, "Ipsec"))
        self.wait_for_gateway()
        self.cloud.publish_vpn_route_entry(
            vpc.PublishVpnRouteEntryRequest(
                **GATEWAY, route_dest=ROUTE["route_dest"], next_hop="vco-single", route_type="dbr", publish_vpc=True
            )
        )
        self.wait_for_gateway()
        [route], [policy] = self.destinations(), self.policies()
        self.assertEqual((route.state, route.next_hop, route.route_entry_type), ("published", "vco-single", "custom"))
        self.assertEqual((policy.state, policy.priority, policy.weight), ("published", 20, 100))
        self.assertEqual(self.destinations(route_entry_type="bgp"), [])

        self.cloud.modify_vpn_route_entry_weight(vpc.ModifyVpnRouteEntryWeightRequest(**GATEWAY, **ROUTE, new_weight=0))
        self.wait_for_gateway()
        self.cloud.modify_vpn_pbr_route_entry_weight(vpc.ModifyVpnPbrRouteEntryWeightRequest(**GATEWAY, **POLICY, new_weight=0))
        self.wait_for_gateway()
        standby = {**POLICY, "weight": 0}
        self.cloud.modify_vpn_pbr_route_entry_priority(
            vpc.ModifyVpnPbrRouteEntryPriorityRequest(**GATEWAY, **standby, priority=20, new_priority=30)
        )
        self.wait_for_gateway()
        self.cloud.modify_vpn_pbr_route_entry_attribute(
            vpc.ModifyVpnPbrRouteEntryAttributeRequest(**GATEWAY, **standby, priority=30, new_priority=40, new_weight=100)
        )
        self.wait_for_gateway()
        [policy] = self.policies()
        self.assertEqual((policy.priority, policy.weight), (40, 100))

        self.cloud.delete_vpn_pbr_route_entry(vpc.DeleteVpnPbrRouteEntryRequest(**GATEWAY, **POLICY))
        self.wait_for_gateway()
        delete = vpc.DeleteVpnRouteEntryRequest(**{**GATEWAY, **ROUTE, "weight": 0})
        self.cloud.delete_vpn_route_entry(delete)
        self.wait_for_gateway()
        self.assertEqual((self.destinations(), self.policies()), ([], []))
        with refused(self, "InvalidRouteEntry.NotFound", 404):
            self.cloud.delete_vpn_route_entry(delete)

    def test_connection_routes(self):
        def wait():
            request = vpc.DescribeVpnConnectionRequest(**VCO)
            self.wait(lambda: self.cloud.describe_vpn_connection(request).body.state, "attached")

        def rows():
            return self.cloud.describe_vco_route_entries(vpc.DescribeVcoRouteEntriesRequest(**VCO)).body.vco_route_entries

        made = self.cloud.create_vco_route_entry(vpc.CreateVcoRouteEntryRequest(**VCO, **VCO_ROUTE, description="by hand")).body
        self.assertEqual((made.vpn_connection_id, made.description), ("vco-attached", "by hand"))
        with refused(self, "VpnConnection.Configuring", 400):
            self.cloud.delete_vco_route_entry(vpc.DeleteVcoRouteEntryRequest(**VCO, **VCO_ROUTE))
        wait()
        [route] = rows()
        self.assertEqual((route.next_hop, route.weight, route.state, len(route.next_hop_tunnel_id_list)), ("vco-attached", 100, "normal", 2))
        self.cloud.modify_vco_route_entry_weight(vpc.ModifyVcoRouteEntryWeightRequest(**VCO, **VCO_ROUTE, new_weight=0))
        wait()
        self.cloud.delete_vco_route_entry(vpc.DeleteVcoRouteEntryRequest(**VCO, **{**VCO_ROUTE, "weight": 0}))
        wait()
        self.assertEqual(rows(), [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
