"""Signs in for each case of schemathesis, since some of them sign out."""

import os

import requests
import schemathesis


@schemathesis.auth(refresh_interval=None)
class SignIn:
    def get(self, case, context):
        answer = requests.post(
            os.environ["MEDIA_SERVER"] + "/api/v1/auth/login",
            json={"username": "conformance", "password": "tea"},
        )
        return answer.json()["access_token"]

    def set(self, case, data, context):
        case.headers["Authorization"] = "Bearer " + data
