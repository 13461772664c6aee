// One call of each group of operations with the AWS SDK for JavaScript, as a program has it: only the endpoint and the key are ours.
// Asked by test_clients.py: ENDPOINT, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are set. Prints what each call answered, as JSON.
import * as pinpoint from "@aws-sdk/client-pinpoint";

const client = new pinpoint.PinpointClient({ endpoint: process.env.ENDPOINT, region: "us-east-1", maxAttempts: 1 });
const told = {};

async function ask(name, input) {
  try {
    const { $metadata, ...answer } = await client.send(new pinpoint[`${name}Command`](input));
    told[name] = { status: $metadata.httpStatusCode, ...answer };
  } catch (error) {
    told[name] = { error: error.name, message: error.message, status: error.$metadata?.httpStatusCode };
  }
  return told[name];
}

const app = (await ask("CreateApp", { CreateApplicationRequest: { Name: "JS", tags: { team: "crm" } } })).ApplicationResponse;
const ids = { ApplicationId: app.Id };
await ask("ListTagsForResource", { ResourceArn: app.Arn });
await ask("UntagResource", { ResourceArn: app.Arn, TagKeys: ["team", "a b"] });
await ask("UpdateApplicationSettings", { ...ids, WriteApplicationSettingsRequest: { Limits: { Daily: 3 } } });
await ask("UpdateEmailChannel", { ...ids, EmailChannelRequest: { FromAddress: "js@example.com", Identity: "arn:aws:ses:x:1:identity/js" } });
const endpoint = {
  Address: "js@example.com", ChannelType: "EMAIL", Attributes: { plan: ["gold"] }, Metrics: { visits: 2.5 }, User: { UserId: "u/1 +" },
};
await ask("UpdateEndpoint", { ...ids, EndpointId: "us-east-1:abc/def +ü", EndpointRequest: endpoint });
await ask("GetUserEndpoints", { ...ids, UserId: "u/1 +" });
const events = { one: { EventType: "bought", Timestamp: new Date().toISOString(), Metrics: { price: 9.5 } } };
await ask("PutEvents", { ...ids, EventsRequest: { BatchItem: { "us-east-1:abc/def +ü": { Endpoint: {}, Events: events } } } });
await ask("PutEventStream", {
  ...ids,
  WriteEventStream: { DestinationStreamArn: "arn:aws:kinesis:us-east-1:123456789012:stream/x", RoleArn: "arn:aws:iam::123456789012:role/x" },
});
await ask("DeleteEventStream", ids);
const gold = { Attributes: { plan: { AttributeType: "INCLUSIVE", Values: ["gold"] } } };
const segment = (await ask("CreateSegment", { ...ids, WriteSegmentRequest: { Name: "gold", Dimensions: gold } })).SegmentResponse;
await ask("CreateImportJob", {
  ...ids,
  ImportJobRequest: { Format: "CSV", RoleArn: "arn:aws:iam::123456789012:role/x", S3Url: "s3://sample-audience/none.csv", DefineSegment: true },
});
const mail = { EmailMessage: { Title: "hi", HtmlBody: "<p>hi</p>" } };
const schedule = { StartTime: "2099-01-01T09:00:00Z", Frequency: "ONCE" };
const campaign = (await ask("CreateCampaign", {
  ...ids, WriteCampaignRequest: { Name: "js", SegmentId: segment.Id, MessageConfiguration: mail, Schedule: schedule },
})).CampaignResponse;
await ask("CreateSmsTemplate", { TemplateName: `js-${app.Id}`, SMSTemplateRequest: { Body: "hi" } });
const simple = { SimpleEmail: { Subject: { Data: "hi" }, TextPart: { Data: "hi" } } };
await ask("SendMessages", {
  ...ids, MessageRequest: { Addresses: { "direct@example.com": { ChannelType: "EMAIL" } }, MessageConfiguration: { EmailMessage: simple } },
});
await ask("PhoneNumberValidate", { NumberValidateRequest: { PhoneNumber: "+821012345678" } });
await ask("GetCampaignDateRangeKpi", {
  ...ids, CampaignId: campaign.Id, KpiName: "unique-deliveries", StartTime: new Date(Date.now() - 86_400_000), EndTime: new Date(),
});
await ask("ListJourneys", ids);
await ask("GetRecommenderConfigurations", {});
await ask("GetApp", { ApplicationId: "0".repeat(32) });
await ask("DeleteApp", ids);
console.log(JSON.stringify(told));
