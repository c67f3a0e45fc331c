"""Customer gateways through the official SDK: shapes, rules, paging, tokens, tags."""

import time
import unittest

from alibabacloud_vpc20160428 import models as vpc
from common import REGION, client, create, refused


def tags(pairs):
    return [vpc.CreateCustomerGatewayRequestTags(key=key, value=value) for key, value in pairs.items()]


class CustomerGateways(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cloud = client()

    def describe(self, region, gateway):
        return self.cloud.describe_customer_gateway(
            vpc.DescribeCustomerGatewayRequest(region_id=region, customer_gateway_id=gateway)
        ).body

    def page(self, region, **fields):
        return self.cloud.describe_customer_gateways(vpc.DescribeCustomerGatewaysRequest(region_id=region, **fields)).body

    def delete(self, region, gateway, **fields):
        return self.cloud.delete_customer_gateway(
            vpc.DeleteCustomerGatewayRequest(region_id=region, customer_gateway_id=gateway, **fields)
        ).body

    def test_regions(self):
        regions = self.cloud.describe_regions(vpc.DescribeRegionsRequest(accept_language="en-US")).body.regions.region
        endpoints = {region.region_id: region.region_endpoint for region in regions}
        self.assertEqual(endpoints["cn-hangzhou"], "vpc.aliyuncs.com")
        self.assertEqual(endpoints["eu-central-1"], "vpc.eu-central-1.aliyuncs.com")

    def test_unknown_region(self):
        with refused(self, "InvalidRegionId.NotFound", 404):
            self.page("cn-nowhere")

    def test_create_describe_modify_delete(self):
        region = "cn-qingdao"
        before = int(time.time() * 1000)
        made = create(
            self.cloud, region, "203.0.113.10", asn="123.456", name="branch 1", description="分支网关 a+b*c~d%/",
            auth_key="bgp*auth~key+1", tags=tags({"site": "sh 01", "管理": "守护进程"}),
        )
        self.assertRegex(made.customer_gateway_id, "^cgw-")
        self.assertEqual((made.ip_address, made.name), ("203.0.113.10", "branch 1"))
        self.assertIsInstance(made.create_time, int)
        self.assertLess(abs(made.create_time - before), 60_000)

        shown = self.describe(region, made.customer_gateway_id)
        self.assertEqual(shown.asn, 8061384)
        self.assertEqual(shown.auth_key, "bgp*auth~key+1")
        self.assertEqual(shown.description, "分支网关 a+b*c~d%/")
        self.assertEqual({tag.key: tag.value for tag in shown.tags.tag}, {"site": "sh 01", "管理": "守护进程"})
        self.assertRegex(shown.resource_group_id, "^rg-")

        changed = self.cloud.modify_customer_gateway_attribute(
            vpc.ModifyCustomerGatewayAttributeRequest(
                region_id=region, customer_gateway_id=made.customer_gateway_id, name="new", description="newer"
            )
        ).body
        self.assertEqual((changed.name, changed.description, changed.ip_address), ("new", "newer", "203.0.113.10"))
        self.assertEqual(self.describe(region, made.customer_gateway_id).name, "new")

        self.assertTrue(self.delete(region, made.customer_gateway_id).request_id)
        with refused(self, "InvalidCustomerGatewayInstanceId.NotFound", 404):
            self.describe(region, made.customer_gateway_id)
        with refused(self, "InvalidCustomerGatewayInstanceId.NotFound", 404):
            self.delete(region, made.customer_gateway_id)

    def test_paging(self):
        region = "cn-shanghai"
        made = [create(self.cloud, region, f"198.51.100.{host}").customer_gateway_id for host in range(1, 57)]
        first = self.page(region)
        self.assertEqual((first.page_number, first.page_size, first.total_count), (1, 10, 56))
        self.assertEqual(len(first.customer_gateways.customer_gateway), 10)
        seen = []
        for number in (1, 2, 3):
            page = self.page(region, page_number=number, page_size=50)
            self.assertEqual(page.total_count, 56)
            seen += [gateway.customer_gateway_id for gateway in page.customer_gateways.customer_gateway]
        self.assertEqual(sorted(seen), sorted(made))
        self.assertIsNone(first.customer_gateways.customer_gateway[0].asn)
        for size in (0, 51):
            with refused(self, "IllegalParam.PageSize", 400):
                self.page(region, page_size=size)
        one = self.page(region, customer_gateway_id=made[30])
        self.assertEqual([gateway.customer_gateway_id for gateway in one.customer_gateways.customer_gateway], [made[30]])

    def test_filters(self):
        region = "cn-shenzhen"
        mine = create(self.cloud, region, "198.51.100.1", tags=tags({"a": "1", "b": "2"}), resource_group_id="rg-x")
        create(self.cloud, region, "198.51.100.2", tags=tags({"a": "1"}))

        def found(**fields):
            return [gateway.customer_gateway_id for gateway in self.page(region, **fields).customer_gateways.customer_gateway]

        tag = vpc.DescribeCustomerGatewaysRequestTag
        self.assertEqual(found(tag=[tag(key="a", value="1"), tag(key="b", value="2")]), [mine.customer_gateway_id])
        self.assertEqual(len(found(tag=[tag(key="a", value="1")])), 2)
        self.assertEqual(found(tag=[tag(key="a", value="2")]), [])
        self.assertEqual(found(resource_group_id="rg-x"), [mine.customer_gateway_id])

    def test_address_is_unique_in_a_region(self):
        region = "cn-chengdu"
        create(self.cloud, region, "198.51.100.1", asn="65001")
        with refused(self, "InvalidIpAddress.AlreadyExist", 400):
            create(self.cloud, region, "198.51.100.1", asn="65002")
        create(self.cloud, "cn-hongkong", "198.51.100.1")

    def test_quota(self):
        for host in (1, 2):
            create(self.cloud, "cn-beijing", f"198.51.100.{host}")
        with refused(self, "Resource.QuotaFull", 400):
            create(self.cloud, "cn-beijing", "198.51.100.3")

    def test_dependency(self):
        for used in ("cgw-1", "cgw-2"):
            with refused(self, "DependencyViolation.VpnConnection", 400):
                self.delete(REGION, used)

    def test_refused_values(self):
        wrong = [
            ("InvalidIpAddress.WrongFormat", {"ip_address": "100.64.0.1"}),
            ("InvalidIpAddress.WrongFormat", {"ip_address": "2001:db8::1"}),
            ("IllegalParam.Asn", {"asn": "45104"}),
            ("IllegalParam.Asn", {"asn": "0"}),
            ("IllegalParam.Asn", {"asn": "4294967296"}),
            ("IllegalParam.Asn", {"asn": "1.65536"}),
            ("IllegalParam.AuthKey", {"auth_key": "what?"}),
            ("InvalidName", {"name": "http://x"}),
            ("InvalidName", {"name": "x" * 101}),
            ("InvalidDescription", {"description": ""}),
            ("InvalidTagKey", {"tags": tags({"acs:x": "1"})}),
            ("InvalidTagKey", {"tags": tags({"k" * 65: "1"})}),
            ("InvalidTagValue", {"tags": tags({"k": "see https://x"})}),
            ("IllegalParam.ClientToken", {"client_token": "t" * 65}),
        ]
        for code, fields in wrong:
            with self.subTest(code=code, fields=list(fields)), refused(self, code, 400):
                create(self.cloud, "us-west-1", **{"ip": fields.pop("ip_address", "198.51.100.9"), **fields})
        self.assertEqual(self.page("us-west-1").total_count, 0)

    def test_client_token(self):
        region = "us-east-1"
        first = create(self.cloud, region, "198.51.100.1", client_token="token-1")
        again = create(self.cloud, region, "198.51.100.1", client_token="token-1")
        self.assertEqual(first.customer_gateway_id, again.customer_gateway_id)
        self.assertNotEqual(first.request_id, again.request_id)
        self.assertEqual(self.page(region).total_count, 1)
        with refused(self, "IdempotentParameterMismatch", 400):
            create(self.cloud, region, "198.51.100.2", client_token="token-1")
        self.delete(region, first.customer_gateway_id, client_token="token-2")
        self.delete(region, first.customer_gateway_id, client_token="token-2")

    def test_tags(self):
        region = "ap-northeast-1"
        ids = [create(self.cloud, region, f"198.51.100.{host}").customer_gateway_id for host in (1, 2)]
        self.cloud.tag_resources(
            vpc.TagResourcesRequest(
                region_id=region, resource_type="CustomerGateway", resource_id=ids,
                tag=[vpc.TagResourcesRequestTag(key=f"key-{n}", value=f"value {n}") for n in range(3)],
            )
        )
        rows, cursor = [], None
        while True:
            page = self.cloud.list_tag_resources(
                vpc.ListTagResourcesRequest(
                    region_id=region, resource_type="CUSTOMERGATEWAY", resource_id=ids, max_results=4, next_token=cursor
                )
            ).body
            rows += [(row.resource_id, row.tag_key, row.tag_value) for row in page.tag_resources.tag_resource]
            cursor = page.next_token
            if not cursor:
                break
        self.assertEqual(sorted(rows), sorted((id, f"key-{n}", f"value {n}") for id in ids for n in range(3)))
        self.cloud.un_tag_resources(
            vpc.UnTagResourcesRequest(region_id=region, resource_type="CUSTOMERGATEWAY", resource_id=ids[:1], tag_key=["key-0"])
        )
        self.assertEqual([tag.key for tag in self.describe(region, ids[0]).tags.tag], ["key-1", "key-2"])
        with refused(self, "InvalidResourceId.NotFound", 404):
            self.cloud.tag_resources(
                vpc.TagResourcesRequest(
                    region_id=region, resource_type="CUSTOMERGATEWAY", resource_id=["cgw-nobody"],
                    tag=[vpc.TagResourcesRequestTag(key="k", value="v")],
                )
            )


if __name__ == "__main__":
    unittest.main(verbosity=2)
