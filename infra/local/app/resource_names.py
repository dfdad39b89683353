"""How CloudFormation names a resource of each type, in a Ref, an ARN and its own properties."""

# Where a resource's own name stands among its properties; any other gets "<stack>-<logical id>".
NAME_PROPERTY = {
    "AWS::S3::Bucket": "BucketName",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::StepFunctions::StateMachine": "StateMachineName",
    "AWS::SNS::Topic": "TopicName",
    "AWS::SecretsManager::Secret": "Name",
    "AWS::SSM::Parameter": "Name",
    "AWS::SQS::Queue": "QueueName",
    "AWS::IAM::Role": "RoleName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::Events::Rule": "Name",
}
NAME_LIMIT = {"AWS::S3::Bucket": 63, "AWS::Lambda::Function": 64}

# The part of an ARN after "arn:<partition>:", {0} region, {1} account, {2} name; for any other type
# "<service>:{0}:{1}:{2}".
ARN = {
    "AWS::S3::Bucket": "s3:::{2}",
    "AWS::Lambda::Function": "lambda:{0}:{1}:function:{2}",
    "AWS::Lambda::LayerVersion": "lambda:{0}:{1}:layer:{2}:1",
    "AWS::StepFunctions::StateMachine": "states:{0}:{1}:stateMachine:{2}",
    "AWS::SecretsManager::Secret": "secretsmanager:{0}:{1}:secret:{2}",
    "AWS::SSM::Parameter": "ssm:{0}:{1}:parameter/{2}",
    "AWS::IAM::Role": "iam::{1}:role/{2}",
    "AWS::Logs::LogGroup": "logs:{0}:{1}:log-group:{2}:*",
    "AWS::Events::Rule": "events:{0}:{1}:rule/{2}",
}
REF_IS_ARN = {
    "AWS::StepFunctions::StateMachine",
    "AWS::SNS::Topic",
    "AWS::SecretsManager::Secret",
    "AWS::Lambda::LayerVersion",
}
