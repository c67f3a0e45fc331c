"""What cgwd's cold start is compared with: one read of the customer gateways through the official SDK, as a script would do it.

The endpoint comes from CGWD_BENCH_ENDPOINT (HOST:PORT), the keys from the environment, as the SDK's own chain finds them.
"""

import os

from alibabacloud_credentials.client import Client as Credentials
from alibabacloud_tea_openapi.models import Config
from alibabacloud_vpc20160428.client import Client
from alibabacloud_vpc20160428.models import DescribeCustomerGatewaysRequest

config = Config(credential=Credentials(), endpoint=os.environ["CGWD_BENCH_ENDPOINT"], protocol="http", region_id="cn-hangzhou")
request = DescribeCustomerGatewaysRequest(region_id="cn-hangzhou", page_size=50)
answer = Client(config).describe_customer_gateways(request)
for gateway in answer.body.customer_gateways.customer_gateway:
    print(gateway.customer_gateway_id, gateway.ip_address, gateway.asn)
