"""Who may come in: what the SDK is told for wrong keys, dates, nonces and parameters, and temporary keys."""

import os
import tempfile
import unittest
import urllib.error
import urllib.request
from unittest import mock

from Tea.core import TeaCore
from alibabacloud_credentials.provider import oidc, ram_role_arn
from alibabacloud_tea_openapi import client as core
from alibabacloud_vpc20160428 import models as vpc
from common import REGION, client, create, refused


def regions(cloud):
    return cloud.describe_regions(vpc.DescribeRegionsRequest()).body.regions.region


class Door(unittest.TestCase):
    def test_wrong_secret(self):
        with refused(self, "SignatureDoesNotMatch", 403) as caught:
            regions(client(access_key_secret="not the secret"))
        message = caught.exception.message
        self.assertIn("ACS3-HMAC-SHA256", message)
        for secret in ("not the secret", os.environ["ALIBABA_CLOUD_ACCESS_KEY_SECRET"]):
            self.assertNotIn(secret, message)

    def test_unknown_key(self):
        with refused(self, "InvalidAccessKeyId.NotFound", 404):
            regions(client(access_key_id="nobody"))

    def test_token_of_a_plain_key(self):
        with refused(self, "InvalidSecurityToken.MismatchWithAccessKey", 400):
            regions(client(security_token="made up"))

    def test_expired_date(self):
        with mock.patch.object(core.Utils, "get_timestamp", return_value="2025-01-02T03:04:05Z"):
            with refused(self, "InvalidTimeStamp.Expired", 400):
                regions(client())

    def test_reused_nonce(self):
        with mock.patch.object(core.Utils, "get_nonce", return_value="the same nonce"):
            self.assertTrue(regions(client()))
            with refused(self, "SignatureNonceUsed", 400):
                regions(client())

    def test_missing_parameter(self):
        request = vpc.CreateCustomerGatewayRequest(region_id=REGION)
        with refused(self, "MissingParameter", 400) as caught:
            client().create_customer_gateway(request)
        self.assertIn("IpAddress", caught.exception.message)
        with refused(self, "MissingParameter", 400):
            client().describe_customer_gateways(vpc.DescribeCustomerGatewaysRequest())

    def test_answers_have_a_date(self):
        request = urllib.request.Request(f"http://{os.environ['CGWD_TEST_ENDPOINT']}/", method="POST")
        with self.assertRaises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request)
        self.assertEqual(caught.exception.code, 400)
        self.assertRegex(caught.exception.headers["Date"], r"^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$")
        caught.exception.close()

    def test_assumed_role(self):
        """The credentials library signs AssumeRole with the older signature, by GET; what it gets signs V3 calls."""
        provider = ram_role_arn.RamRoleArnCredentialsProvider(
            access_key_id=os.environ["ALIBABA_CLOUD_ACCESS_KEY_ID"],
            access_key_secret=os.environ["ALIBABA_CLOUD_ACCESS_KEY_SECRET"],
            role_arn="acs:ram::1234567890123456:role/cgwd",
            role_session_name="sdk-test",
            sts_endpoint=os.environ["CGWD_TEST_ENDPOINT"],
        )
        temporary = over_http(provider)
        self.assertTrue(temporary.get_access_key_id().startswith("STS."))
        cloud = client(
            access_key_id=temporary.get_access_key_id(),
            access_key_secret=temporary.get_access_key_secret(),
            security_token=temporary.get_security_token(),
        )
        self.assertTrue(create(cloud, "eu-central-1", "198.51.100.1").customer_gateway_id)
        without_token = client(
            access_key_id=temporary.get_access_key_id(), access_key_secret=temporary.get_access_key_secret()
        )
        with refused(self, "MissingSecurityToken", 400):
            regions(without_token)

    def test_web_identity(self):
        with tempfile.NamedTemporaryFile("w") as token:
            token.write("header.payload.signature")
            token.flush()
            provider = oidc.OIDCRoleArnCredentialsProvider(
                role_arn="acs:ram::1234567890123456:role/cgwd",
                oidc_provider_arn="acs:ram::1234567890123456:oidc-provider/test",
                oidc_token_file_path=token.name,
                role_session_name="sdk-test",
                sts_endpoint=os.environ["CGWD_TEST_ENDPOINT"],
            )
            temporary = over_http(provider)
        cloud = client(
            access_key_id=temporary.get_access_key_id(),
            access_key_secret=temporary.get_access_key_secret(),
            security_token=temporary.get_security_token(),
        )
        self.assertTrue(regions(cloud))


def over_http(provider):
    """Its credentials; the library would insist on TLS."""
    send = TeaCore.do_action

    def plainly(request, options):
        request.protocol = "http"
        return send(request, options)

    with mock.patch.object(TeaCore, "do_action", plainly):
        return provider.get_credentials()


if __name__ == "__main__":
    unittest.main(verbosity=2)
