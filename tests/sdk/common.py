"""What every SDK test needs: a client of the simulated cloud, and the shape of a refusal."""

import contextlib
import os

from alibabacloud_tea_openapi.exceptions import AlibabaCloudException
from alibabacloud_tea_openapi.models import Config
from alibabacloud_vpc20160428 import models as vpc
from alibabacloud_vpc20160428.client import Client

REGION = "cn-hangzhou"


def config(**changes):
    settings = {
        "access_key_id": os.environ["ALIBABA_CLOUD_ACCESS_KEY_ID"],
        "access_key_secret": os.environ["ALIBABA_CLOUD_ACCESS_KEY_SECRET"],
        "endpoint": os.environ["CGWD_TEST_ENDPOINT"],
        "protocol": "http",
        "region_id": REGION,
    }
    return Config(**{**settings, **changes})


def client(**changes):
    return Client(config(**changes))


@contextlib.contextmanager
def refused(test, code, status):
    """The SDK must see the error envelope: its code, its HTTP status, its RequestId."""
    with test.assertRaises(AlibabaCloudException) as caught:
        yield caught
    test.assertEqual(caught.exception.code, code)
    test.assertEqual(caught.exception.status_code, status)
    test.assertRegex(caught.exception.request_id, r"^[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}$")


def create(cloud, region, ip, **fields):
    request = vpc.CreateCustomerGatewayRequest(region_id=region, ip_address=ip, **fields)
    return cloud.create_customer_gateway(request).body
