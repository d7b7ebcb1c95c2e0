"""The metrics AWS has for what we run, by namespace, and which dimensions they come with.

Compared with AWS's pages in November 2026, with CloudWatch's own list of the metrics that it
enriches by tags, which has the dimensions of each, and with Grafana's list for CloudWatch
(pkg/tsdb/cloudwatch/constants/metrics.go), which agrees on NAT gateways, S3 and Aurora:

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Container-Insights-enhanced-observability-metrics-ECS.html
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/available-metrics.html
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-metrics.html
https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.AuroraMonitoring.Metrics.html
https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/CacheMetrics.Redis.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/metrics-dimensions.html
https://docs.aws.amazon.com/vpc/latest/userguide/metrics-dimensions-nat-gateway.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

ECS, INSIGHTS = "AWS/ECS", "ECS/ContainerInsights"
BALANCER, RDS, CACHE = "AWS/ApplicationELB", "AWS/RDS", "AWS/ElastiCache"
NAT, S3 = "AWS/NATGateway", "AWS/S3"
# Others that exist, as far as somebody may watch them beside ours.
OTHERS = (  # noqa: SIM905 - a name a line would fill a page
    "AWS/ApiGateway AWS/AutoScaling AWS/Backup AWS/Billing AWS/CertificateManager "
    "AWS/CloudFront AWS/DynamoDB AWS/EBS AWS/EC2 AWS/ECR AWS/EFS AWS/ELB AWS/Events "
    "AWS/Firehose AWS/KMS AWS/Kinesis AWS/Lambda AWS/Logs AWS/NetworkELB "
    "AWS/Route53 AWS/SES AWS/SNS AWS/SQS AWS/SecretsManager AWS/Usage AWS/WAFV2 "
    "AWS/AmazonMQ AWS/DMS AWS/DX AWS/DocDB AWS/EKS AWS/ES AWS/FSx AWS/GatewayELB AWS/IoT "
    "AWS/Kafka AWS/Lex AWS/ML AWS/MemoryDB AWS/Neptune AWS/Redshift AWS/SWF AWS/States "
    "AWS/Transfer AWS/VPN AWS/WAF"
).split()
# How a namespace of ours is called by mistake.
MISTAKEN = {"AWS/ALB": BALANCER, "AWS/ELBv2": BALANCER, "AWS/Redis": CACHE, "AWS/Fargate": ECS}
NAMES: Mapping[str, frozenset[str]] = {
    namespace: frozenset(names.split())
    for namespace, names in {
        ECS: """
            CPUReservation CPUUtilization MemoryReservation MemoryUtilization GPUReservation
            EBSFilesystemUtilization ActiveConnectionCount NewConnectionCount ProcessedBytes
            RequestCount GrpcRequestCount RequestCountPerTarget TargetProcessedBytes
            TargetResponseTime
            ClientTLSNegotiationErrorCount TargetTLSNegotiationErrorCount
            HTTPCode_Target_2XX_Count HTTPCode_Target_3XX_Count HTTPCode_Target_4XX_Count
            HTTPCode_Target_5XX_Count""",
        INSIGHTS: """
            ContainerInstanceCount CpuReserved CpuUtilized DeploymentCount DesiredTaskCount
            EBSFilesystemSize EBSFilesystemUtilized EphemeralStorageReserved
            EphemeralStorageUtilized MemoryReserved MemoryUtilized NetworkRxBytes
            NetworkTxBytes PendingTaskCount RestartCount RunningTaskCount ServiceCount
            StorageReadBytes StorageWriteBytes TaskCount TaskSetCount
            UnHealthyContainerHealthStatus TaskCpuUtilization TaskMemoryUtilization
            TaskEphemeralStorageUtilization TaskEBSFilesystemUtilization ContainerCpuReserved
            ContainerCpuUtilization ContainerCpuUtilized ContainerMemoryReserved
            ContainerMemoryUtilization ContainerMemoryUtilized ContainerNetworkRxBytes
            ContainerNetworkTxBytes ContainerStorageReadBytes ContainerStorageWriteBytes
            instance_cpu_limit instance_cpu_reserved_capacity instance_cpu_usage_total
            instance_cpu_utilization instance_filesystem_utilization instance_memory_limit
            instance_memory_reserved_capacity instance_memory_utilization
            instance_memory_working_set instance_network_total_bytes
            instance_number_of_running_tasks""",
        BALANCER: """
            ActiveConnectionCount ActiveZonalShiftHostCount AppCookieNonStickinessCount
            BYoIPUtilPercentage ClientTLSNegotiationErrorCount
            ConsumedLCUs DesyncMitigationMode_NonCompliant_Request_Count
            DroppedInvalidHeaderRequestCount ExcessiveLowReputationPackets
            ForwardedInvalidHeaderRequestCount
            GrpcRequestCount HTTP_Fixed_Response_Count HTTP_Redirect_Count
            HTTP_Redirect_Url_Limit_Exceeded_Count HTTPCode_ELB_3XX_Count
            HTTPCode_ELB_4XX_Count HTTPCode_ELB_5XX_Count HTTPCode_ELB_500_Count
            HTTPCode_ELB_502_Count HTTPCode_ELB_503_Count HTTPCode_ELB_504_Count
            IPv6ProcessedBytes IPv6RequestCount LowReputationPacketsDropped
            LowReputationRequestsDenied NewConnectionCount NonStickyRequestCount PeakLCUs
            ProcessedBytes RejectedConnectionCount RequestCount ReservedLCUs RuleEvaluations
            TargetControlActiveChannelCount TargetControlChannelErrorCount
            TargetControlNewChannelCount TargetControlProcessedBytes TargetControlRequestCount
            TargetControlRequestRejectCount TargetControlWorkQueueLength
            AnomalousHostCount HealthyHostCount HTTPCode_Target_2XX_Count
            HTTPCode_Target_3XX_Count HTTPCode_Target_4XX_Count HTTPCode_Target_5XX_Count
            MitigatedHostCount RequestCountPerTarget TargetConnectionErrorCount
            TargetResponseTime TargetTLSNegotiationErrorCount UnHealthyHostCount
            ZonalShiftedHostCount HealthyStateDNS HealthyStateRouting
            UnhealthyRoutingRequestCount UnhealthyStateDNS UnhealthyStateRouting
            LambdaInternalError LambdaTargetProcessedBytes LambdaUserError ELBAuthError
            ELBAuthFailure ELBAuthLatency ELBAuthRefreshTokenSuccess ELBAuthSuccess
            ELBAuthUserClaimsSizeExceeded JWTValidationFailureCount
            JWTValidationSuccessCount""",
        RDS: """
            BinLogDiskUsage BurstBalance CheckpointLag ConnectionAttempts CPUUtilization
            CPUCreditUsage CPUCreditBalance CPUSurplusCreditBalance CPUSurplusCreditsCharged
            DatabaseConnections DBLoad DBLoadCPU DBLoadNonCPU DBLoadRelativeToNumVCPUs
            DiskQueueDepth DiskQueueDepthLogVolume EBSByteBalance% EBSIOBalance%
            FailedSQLServerAgentJobsCount FreeableMemory FreeLocalStorage
            FreeLocalStoragePercent FreeStorageSpace FreeStorageSpaceLogVolume
            IamDbAuthConnectionRequests MaximumUsedTransactionIDs
            NetworkReceiveThroughput NetworkTransmitThroughput
            OldestLogicalReplicationSlotLag OldestReplicationSlotLag ReadIOPS
            ReadIOPSLocalStorage ReadIOPSLogVolume ReadLatency ReadLatencyLocalStorage
            ReadLatencyLogVolume ReadThroughput ReadThroughputLocalStorage
            ReadThroughputLogVolume ReplicaLag ReplicationChannelLag ReplicationSlotDiskUsage
            SwapUsage TempDbAvailableDataSpace TempDbAvailableLogSpace TempDbDataFileUsage
            TempDbLogFileUsage TransactionLogsDiskUsage TransactionLogsGeneration WriteIOPS
            WriteIOPSLocalStorage WriteIOPSLogVolume WriteLatency WriteLatencyLocalStorage
            WriteLatencyLogVolume WriteThroughput WriteThroughputLocalStorage
            WriteThroughputLogVolume
            AbortedClients ACUUtilization ActiveTransactions AuroraBinlogReplicaLag
            AuroraGlobalDBDataTransferBytes AuroraGlobalDBProgressLag
            AuroraGlobalDBReplicatedWriteIO AuroraGlobalDBReplicationLag AuroraGlobalDBRPOLag
            AvailabilityPercentage BacktrackChangeRecordsCreationRate
            BacktrackChangeRecordsStored BacktrackWindowActual BacktrackWindowAlert
            ClientConnections ClientConnectionsClosed ClientConnectionsNoTLS
            ClientConnectionsReceived ClientConnectionsSetupFailedAuth
            ClientConnectionsSetupSucceeded ClientConnectionsTLS DatabaseConnectionRequests
            DatabaseConnectionRequestsWithTLS DatabaseConnectionsBorrowLatency
            DatabaseConnectionsCurrentlyBorrowed DatabaseConnectionsCurrentlyInTransaction
            DatabaseConnectionsCurrentlySessionPinned DatabaseConnectionsSetupFailed
            DatabaseConnectionsSetupSucceeded DatabaseConnectionsWithTLS
            MaxDatabaseConnectionsAllowed QueryDatabaseResponseLatency QueryRequests
            QueryRequestsNoTLS QueryRequestsTLS QueryResponseLatency
            AuroraReplicaLag AuroraReplicaLagMaximum AuroraReplicaLagMinimum
            AuroraVolumeBytesLeftTotal BackupRetentionPeriodStorageUsed BlockedTransactions
            BufferCacheHitRatio CommitLatency CommitThroughput DDLLatency DDLThroughput
            Deadlocks DeleteLatency DeleteThroughput DMLLatency DMLThroughput EngineUptime
            InsertLatency InsertThroughput LoginFailures NetworkThroughput Queries
            RDSToAuroraPostgreSQLReplicaLag ResultSetCacheHitRatio
            RollbackSegmentHistoryListLength RowLockTime SelectLatency SelectThroughput
            ServerlessDatabaseCapacity SnapshotStorageUsed StorageNetworkReceiveThroughput
            StorageNetworkThroughput StorageNetworkTransmitThroughput SumBinaryLogSize
            TempStorageIOPS TempStorageThroughput TotalBackupStorageBilled UpdateLatency
            UpdateThroughput VolumeBytesUsed VolumeReadIOPs VolumeWriteIOPs""",
        CACHE: """
            ActiveDefragHits AuthenticationFailures BytesUsedForCache BytesReadFromDisk
            BytesWrittenToDisk CacheHits CacheHitRate CacheMisses CommandAuthorizationFailures
            ChannelAuthorizationFailures ClusterBasedCmds ClusterBasedCmdsLatency
            CPUCreditBalance CPUCreditUsage CPUUtilization CurrConnections CurrItems
            CurrItemsWithVolatileFields CurrVolatileItems DatabaseAuthorizationFailures
            DatabaseCapacityUsagePercentage DurabilityBufferExceededErrorCount DurabilityLag
            DatabaseCapacityUsageCountedForEvictPercentage DatabaseMemoryUsagePercentage
            DatabaseMemoryUsageCountedForEvictPercentage DB0AverageTTL EngineCPUUtilization
            ErrorCount EvalBasedCmds EvalBasedCmdsLatency Evictions FreeableMemory
            GeoSpatialBasedCmds GeoSpatialBasedCmdsLatency GetTypeCmds GetTypeCmdsLatency
            GlobalDatastoreReplicationLag HashBasedCmds HashBasedCmdsLatency
            HyperLogLogBasedCmds HyperLogLogBasedCmdsLatency IamAuthenticationExpirations
            IamAuthenticationThrottling IsMaster JsonBasedCmds JsonBasedCmdsLatency
            JsonBasedGetCmds JsonBasedGetCmdsLatency JsonBasedSetCmds JsonBasedSetCmdsLatency
            KeyAuthorizationFailures KeyBasedCmds KeyBasedCmdsLatency KeysTracked ListBasedCmds
            ListBasedCmdsLatency MajorPageFaults MasterLinkHealthStatus MemoryFragmentationRatio
            NetworkBandwidthInAllowanceExceeded NetworkBandwidthOutAllowanceExceeded
            NetworkBaselineMaxUsageInPercentage NetworkBaselineMaxUsageOutPercentage
            NetworkBaselineUsageInPercentage NetworkBaselineUsageOutPercentage
            NetworkBytesIn NetworkBytesOut NetworkConntrackAllowanceExceeded
            NetworkLinkLocalAllowanceExceeded NetworkMaxBytesIn NetworkMaxBytesOut
            NetworkMaxPacketsIn NetworkMaxPacketsOut NetworkPacketsIn NetworkPacketsOut
            NetworkPacketsPerSecondAllowanceExceeded NewConnections NonKeyTypeCmds
            NonKeyTypeCmdsLatency NumItemsReadFromDisk NumItemsWrittenToDisk
            ProcessedCommands PubSubBasedCmds PubSubBasedCmdsLatency PubSubChannels
            PubSubShardChannels Reclaimed ReclaimedFields RejectedConnections ReplicationBytes
            ReplicationLag SaveInProgress SearchBasedCmds SearchBasedCmdsLatency
            SearchBasedGetCmds SearchBasedGetCmdsLatency SearchBasedSetCmds
            SearchBasedSetCmdsLatency SearchNumberOfIndexes SearchTotalIndexedDocuments
            SearchUsedMemoryBytes SetBasedCmds
            SetBasedCmdsLatency SetTypeCmds SetTypeCmdsLatency SortedSetBasedCmds
            SortedSetBasedCmdsLatency StreamBasedCmds StreamBasedCmdsLatency StringBasedCmds
            StringBasedCmdsLatency SuccessfulReadRequestLatency SuccessfulWriteRequestLatency
            SwapUsage TrafficManagementActive UsedMemoryDataset
            BytesReadIntoMemcached BytesUsedForCacheItems BytesUsedForHash
            BytesWrittenOutFromMemcached CasBadval CasHits CasMisses CmdConfigGet CmdConfigSet
            CmdFlush CmdGet CmdSet CmdTouch CurrConfig DecrHits DecrMisses DeleteHits
            DeleteMisses EvictedUnfetched ExpiredUnfetched GetHits GetMisses IncrHits IncrMisses
            NewItems SlabsMoved TouchHits TouchMisses UnusedMemory
            ElastiCacheProcessingUnits ThrottledCmds TotalCmdsCount""",
        NAT: """
            ActiveConnectionCount BytesInFromDestination BytesInFromSource
            BytesOutToDestination BytesOutToSource ConnectionAttemptCount
            ConnectionEstablishedCount ErrorPortAllocation IdleTimeoutCount PacketsDropCount
            PacketsInFromDestination PacketsInFromSource PacketsOutToDestination
            PacketsOutToSource PeakBytesPerSecond PeakPacketsPerSecond""",
        S3: """
            4xxErrors 5xxErrors AllRequests BucketSizeBytes BytesDownloaded
            BytesPendingReplication BytesUploaded DeleteRequests FirstByteLatency GetRequests
            HeadRequests ListRequests NumberOfObjects OperationsFailedReplication
            OperationsPendingReplication PostRequests PutRequests ReplicationLatency
            SelectBytesReturned SelectBytesScanned SelectRequests SelectReturnedBytes
            SelectScannedBytes TotalRequestLatency""",
    }.items()
}
# Which dimensions may be together, beside none.
DIMENSIONS: Mapping[str, Sequence[frozenset[str]]] = {
    namespace: [frozenset(one.split()) for one in sets]
    for namespace, sets in {
        ECS: (
            "ClusterName",
            "ClusterName ServiceName",
            "DiscoveryName",
            "ClusterName DiscoveryName ServiceName",
            "TargetDiscoveryName",
            "ClusterName ServiceName TargetDiscoveryName",
        ),
        INSIGHTS: (
            "ClusterName",
            "ClusterName ServiceName",
            "ClusterName TaskDefinitionFamily",
            "ClusterName ServiceName TaskId",
            "ClusterName ServiceName ContainerName",
            "ClusterName TaskDefinitionFamily TaskId",
            "ClusterName TaskDefinitionFamily ContainerName",
            "ClusterName TaskDefinitionFamily VolumeName",
            "ClusterName ServiceName TaskId ContainerName",
            "ClusterName TaskDefinitionFamily TaskId ContainerName",
            "ClusterName InstanceId ContainerInstanceId",
        ),
        BALANCER: (
            "LoadBalancer",
            "TargetGroup",
            "LoadBalancer TargetGroup",
            "AvailabilityZone LoadBalancer",
            "AvailabilityZone TargetGroup",
            "AvailabilityZone LoadBalancer TargetGroup",
        ),
        RDS: (
            "DBInstanceIdentifier",
            "DBClusterIdentifier",
            "DBClusterIdentifier Role",
            "DBClusterIdentifier EngineName",
            "DatabaseClass",
            "EngineName",
            "SourceRegion",
            "DBClusterIdentifier SourceRegion",
            "ProxyName",
            "ProxyName Target",
            "ProxyName Target TargetGroup",
            "ProxyName Target TargetRole",
            "ProxyName Target TargetGroup TargetRole",
        ),
        CACHE: (
            "CacheClusterId",
            "CacheClusterId CacheNodeId",
            "CacheClusterId CacheNodeId Tier",
            "ReplicationGroupId",
            "NodeGroupId ReplicationGroupId",
            "ReplicationGroupId Role",
            "clusterId",
        ),
        NAT: ("NatGatewayId", "AvailabilityZone NatGatewayId"),
        S3: (
            "BucketName StorageType",
            "BucketName FilterId",
            "DestinationBucket RuleId SourceBucket",
        ),
    }.items()
}
