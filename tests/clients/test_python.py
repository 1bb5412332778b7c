"""The official Python client against the real server."""

import grpc
import pytest
from google.protobuf import field_mask_pb2
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status

from assay.v1 import lead_pb2, lead_pb2_grpc, profile_pb2, profile_pb2_grpc, scoring_pb2, scoring_pb2_grpc

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


def details(error: grpc.RpcError) -> dict:
    """The details of a failed call by their message's name."""
    status = rpc_status.from_call(error)
    found = {}
    for detail in status.details:
        for kind in (error_details_pb2.ErrorInfo, error_details_pb2.BadRequest, error_details_pb2.PreconditionFailure):
            if detail.Is(kind.DESCRIPTOR):
                message = kind()
                detail.Unpack(message)
                found[kind.DESCRIPTOR.name] = message
    return found


def company(name: str, employees: int | None = None) -> lead_pb2.Lead:
    return lead_pb2.Lead(company=lead_pb2.Company(display_name=name, employees=employees, industry="heating"))


def test_health_is_checked(server):
    health = health_pb2_grpc.HealthStub(server.channel)
    for service in ("", "assay.v1.ScoringService"):
        assert health.Check(health_pb2.HealthCheckRequest(service=service)).status == SERVING
    with pytest.raises(grpc.RpcError) as error:
        health.Check(health_pb2.HealthCheckRequest(service="no.such.Service"))
    assert error.value.code() == grpc.StatusCode.NOT_FOUND


def test_reflection_describes_the_services(server):
    database = ProtoReflectionDescriptorDatabase(server.channel)
    assert {"assay.v1.ScoringService", "grpc.health.v1.Health"} <= set(database.get_services())
    methods = {m.name for m in database.FindFileContainingSymbol("assay.v1.ScoringService").service[0].method}
    assert {"ScoreLead", "ScoreLeads"} <= methods


def test_create_read_change_and_delete_with_an_etag(server):
    leads = lead_pb2_grpc.LeadServiceStub(server.channel)
    created = leads.CreateLead(lead_pb2.CreateLeadRequest(lead=company("Python GmbH", 80), lead_id="python"))
    assert created.name == "leads/python" and created.revision == 1
    change = lead_pb2.Lead(name=created.name, etag=created.etag, owner="an")
    mask = field_mask_pb2.FieldMask(paths=["owner"])
    changed = leads.UpdateLead(lead_pb2.UpdateLeadRequest(lead=change, update_mask=mask))
    assert (changed.owner, changed.company.employees, changed.revision) == ("an", 80, 2)

    with pytest.raises(grpc.RpcError) as conflict:
        leads.UpdateLead(lead_pb2.UpdateLeadRequest(lead=change, update_mask=mask))
    assert conflict.value.code() == grpc.StatusCode.ABORTED
    info = details(conflict.value)["ErrorInfo"]
    assert (info.reason, info.domain, info.metadata["resource"]) == ("ETAG_MISMATCH", "assay", "leads/python")

    assert [lead.name for lead in leads.ListLeads(lead_pb2.ListLeadsRequest()).leads] == ["leads/python"]
    leads.DeleteLead(lead_pb2.DeleteLeadRequest(name=created.name, etag=changed.etag))
    with pytest.raises(grpc.RpcError) as missing:
        leads.GetLead(lead_pb2.GetLeadRequest(name=created.name))
    assert missing.value.code() == grpc.StatusCode.NOT_FOUND
    assert details(missing.value)["ErrorInfo"].reason == "NOT_FOUND"


def test_all_violations_come_at_once(server):
    leads = lead_pb2_grpc.LeadServiceStub(server.channel)
    bad = lead_pb2.Lead(company=lead_pb2.Company(employees=-5), profile="profiles/none")
    with pytest.raises(grpc.RpcError) as error:
        leads.CreateLead(lead_pb2.CreateLeadRequest(lead=bad, lead_id="Not An Id"))
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    found = details(error.value)
    assert found["ErrorInfo"].reason == "INVALID_FIELDS"
    fields = [violation.field for violation in found["BadRequest"].field_violations]
    assert fields == ["lead_id", "lead.company.display_name", "lead.company.employees", "lead.profile"]


def test_a_lead_is_scored(server):
    scoring = scoring_pb2_grpc.ScoringServiceStub(server.channel)
    criterion = profile_pb2.Criterion(
        fact="industry", points_hundredths=1600, because="A trade with technicians", **{"in": {"values": ["heating"]}}
    )
    profile = profile_pb2.Profile(display_name="Main", criteria=[criterion])
    inline = scoring_pb2.InlineLead(lead=company("Python GmbH", 80))
    score = scoring.ScoreLead(scoring_pb2.ScoreLeadRequest(inline=inline, inline_profile=profile))
    assert score.total_hundredths == sum(c.points_hundredths for c in score.contributions) == 1600
    assert score.contributions[0].reason == "A trade with technicians"
    assert score.contributions[0].inputs["industry"].text == "heating"

    with pytest.raises(grpc.RpcError) as error:
        scoring.ScoreLead(scoring_pb2.ScoreLeadRequest(inline=inline))
    assert error.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert details(error.value)["ErrorInfo"].reason == "NO_PROFILE"
    assert details(error.value)["PreconditionFailure"].violations[0].type == "NO_PROFILE"


def test_a_stream_answers_in_order(server):
    profiles = profile_pb2_grpc.ProfileServiceStub(server.channel)
    profiles.CreateProfile(profile_pb2.CreateProfileRequest(profile=profile_pb2.Profile(display_name="Main"), profile_id="main"))
    scoring = scoring_pb2_grpc.ScoringServiceStub(server.channel)

    def items():
        for number in range(500):
            inline = scoring_pb2.InlineLead(lead=company(f"Company {number}" if number != 250 else "", number))
            request = scoring_pb2.ScoreLeadRequest(inline=inline, profile="profiles/main")
            yield scoring_pb2.ScoreLeadsRequest(id=str(number), request=request)

    call = scoring.ScoreLeads(items())
    pinned = dict(call.initial_metadata())["assay-rule-set"]
    answers = list(call)
    assert [answer.id for answer in answers] == [str(number) for number in range(500)]
    failed = [answer for answer in answers if answer.WhichOneof("result") == "error"]
    assert [answer.id for answer in failed] == ["250"]
    assert failed[0].error.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    assert {answer.score.rule_set for answer in answers if answer.HasField("score")} == {pinned}


def test_watch_tells_of_the_end(server):
    """The last test: it ends the server."""
    health = health_pb2_grpc.HealthStub(server.channel)
    watch = health.Watch(health_pb2.HealthCheckRequest(service="assay.v1.LeadService"), timeout=20)
    assert next(watch).status == SERVING
    assert server.ready() == (200, "ready\n")
    server.process.terminate()
    assert next(watch).status == NOT_SERVING
    assert server.process.wait(timeout=20) == 0
