"""What CEN adds to a connection, through the official SDK: route tables, addresses, authorizations, tags."""

import time
import unittest

from alibabacloud_cbn20170912 import models as cbn
from alibabacloud_cbn20170912.client import Client as CbnClient
from alibabacloud_vpc20160428 import models as vpc
from common import REGION, client, config, refused

ATTACHMENT = {"transit_router_attachment_id": "tr-attach-1"}


class TransitRouters(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cloud = client()
        cls.cbn = CbnClient(config())
        tables = cls.cbn.list_transit_router_route_tables(cbn.ListTransitRouterRouteTablesRequest(transit_router_id="tr-1")).body
        cls.table = {"transit_router_route_table_id": tables.transit_router_route_tables[0].transit_router_route_table_id}

    def wait(self, what, wanted):
        for _ in range(100):
            if what() == wanted:
                return
            time.sleep(0.05)
        self.assertEqual(what(), wanted)

    def associations(self):
        request = cbn.ListTransitRouterRouteTableAssociationsRequest(**ATTACHMENT)
        rows = self.cbn.list_transit_router_route_table_associations(request).body.transit_router_associations
        return [(row.resource_id, row.resource_type, row.status) for row in rows or []]

    def propagations(self):
        request = cbn.ListTransitRouterRouteTablePropagationsRequest(**ATTACHMENT, **self.table)
        rows = self.cbn.list_transit_router_route_table_propagations(request).body.transit_router_propagations
        return [(row.resource_id, row.resource_type, row.status) for row in rows or []]

    def test_route_tables(self):
        both = {**ATTACHMENT, **self.table}
        self.cbn.associate_transit_router_attachment_with_route_table(cbn.AssociateTransitRouterAttachmentWithRouteTableRequest(**both))
        self.assertEqual(self.associations(), [("vco-attached", "VPN", "Associating")])
        enable = cbn.EnableTransitRouterRouteTablePropagationRequest(**both)
        with refused(self, "Operation.Blocking", 400):
            self.cbn.enable_transit_router_route_table_propagation(enable)
        self.wait(self.associations, [("vco-attached", "VPN", "Active")])
        self.cbn.enable_transit_router_route_table_propagation(enable)
        self.wait(self.propagations, [("vco-attached", "VPN", "Active")])
        with refused(self, "OperationFailed.RouteTableAssociationExist", 400):
            self.cbn.delete_transit_router_vpn_attachment(cbn.DeleteTransitRouterVpnAttachmentRequest(**ATTACHMENT))
        self.cbn.dissociate_transit_router_attachment_from_route_table(
            cbn.DissociateTransitRouterAttachmentFromRouteTableRequest(**both)
        )
        self.wait(self.associations, [])
        self.cbn.disable_transit_router_route_table_propagation(cbn.DisableTransitRouterRouteTablePropagationRequest(**both))
        self.wait(self.propagations, [])

    def test_attribute_and_tags(self):
        self.cbn.update_transit_router_vpn_attachment_attribute(
            cbn.UpdateTransitRouterVpnAttachmentAttributeRequest(
                **ATTACHMENT, transit_router_attachment_name="renamed", auto_publish_route_enabled=False
            )
        )
        self.cloud.tag_resources(
            vpc.TagResourcesRequest(
                region_id=REGION, resource_type="TransitRouterVpnAttachment", resource_id=["tr-attach-1"],
                tag=[vpc.TagResourcesRequestTag(key="site", value="sh-01")],
            )
        )
        page = self.cbn.list_transit_router_vpn_attachments(cbn.ListTransitRouterVpnAttachmentsRequest(**ATTACHMENT)).body
        [row] = page.transit_router_attachments
        self.assertEqual((row.transit_router_attachment_name, row.auto_publish_route_enabled), ("renamed", False))
        self.assertEqual([(tag.key, tag.value) for tag in row.tags], [("site", "sh-01")])

    def test_cidr(self):
        body = self.cbn.list_transit_router_cidr(cbn.ListTransitRouterCidrRequest(region_id=REGION, transit_router_id="tr-1")).body
        self.assertEqual([(row.cidr, row.transit_router_id) for row in body.cidr_lists], [("10.127.0.0/24", "tr-1")])

    def test_authorizations(self):
        self.cbn.grant_instance_to_transit_router(
            cbn.GrantInstanceToTransitRouterRequest(
                region_id=REGION, cen_id="cen-of-others", cen_owner_id=1111222233334444, instance_id="vco-unbound", instance_type="VPN"
            )
        )
        request = vpc.DescribeVpnCrossAccountAuthorizationsRequest(region_id=REGION, vpn_connection_id="vco-unbound")
        [row] = self.cloud.describe_vpn_cross_account_authorizations(request).body.cross_account_authorizations
        self.assertEqual((row.bind_instance, row.bind_uid, row.vpn_connection_id), ("cen-of-others", 1111222233334444, "vco-unbound"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
