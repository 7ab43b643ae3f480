using System.Runtime.InteropServices;

namespace ZImage.Native;

/// <summary>Geometry and attributes of one launch, for <see cref="CudaDriver.cuLaunchKernelEx"/>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct CUlaunchConfig
{
    /// <summary>Blocks along x.</summary>
    public uint gridDimX;

    /// <summary>Blocks along y.</summary>
    public uint gridDimY;

    /// <summary>Blocks along z.</summary>
    public uint gridDimZ;

    /// <summary>Threads of a block along x.</summary>
    public uint blockDimX;

    /// <summary>Threads of a block along y.</summary>
    public uint blockDimY;

    /// <summary>Threads of a block along z.</summary>
    public uint blockDimZ;

    /// <summary>Dynamic shared memory of a block, in bytes.</summary>
    public uint sharedMemBytes;

    /// <summary>The stream.</summary>
    public nint hStream;

    /// <summary>[numAttrs] attributes; may be null when there are none.</summary>
    public CUlaunchAttribute* attrs;

    /// <summary>Number of attributes.</summary>
    public uint numAttrs;
}

/// <summary>One launch attribute: which, and its value.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct CUlaunchAttribute
{
    /// <summary>Which member of <see cref="value"/> counts.</summary>
    public CUlaunchAttributeID id;

    /// <summary>The value; 8-byte aligned, so it starts at offset 8.</summary>
    public CUlaunchAttributeValue value;

    /// <summary>Blocks of a cluster along each axis; sm_90 and newer.</summary>
    /// <param name="x">Along x; divides the grid's.</param>
    /// <param name="y">Along y.</param>
    /// <param name="z">Along z.</param>
    public static CUlaunchAttribute ClusterDimension(uint x, uint y = 1, uint z = 1) => new()
    {
        id = CUlaunchAttributeID.CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION,
        value = new() { clusterDimX = x, clusterDimY = y, clusterDimZ = z },
    };

    /// <summary>The kernel may start before the one in front of it on the stream has ended; it waits itself, by griddepcontrol.wait.</summary>
    public static CUlaunchAttribute ProgrammaticStreamSerialization() => new()
    {
        id = CUlaunchAttributeID.CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION,
        value = new() { programmaticStreamSerializationAllowed = 1 },
    };
}

/// <summary>The value of a launch attribute: a union of 64 bytes.</summary>
[StructLayout(LayoutKind.Explicit, Size = 64)]
internal struct CUlaunchAttributeValue
{
    /// <summary>1 for a launch whose blocks can all wait for each other.</summary>
    [FieldOffset(0)]
    public int cooperative;

    /// <summary>Cluster size along x.</summary>
    [FieldOffset(0)]
    public uint clusterDimX;

    /// <summary>Cluster size along y.</summary>
    [FieldOffset(4)]
    public uint clusterDimY;

    /// <summary>Cluster size along z.</summary>
    [FieldOffset(8)]
    public uint clusterDimZ;

    /// <summary>1 allows the overlap.</summary>
    [FieldOffset(0)]
    public int programmaticStreamSerializationAllowed;

    /// <summary>Event of a programmatic-event attribute. Also what gives the union its 8-byte alignment.</summary>
    [FieldOffset(0)]
    public nint programmaticEvent;

    /// <summary>Flags of that event.</summary>
    [FieldOffset(8)]
    public int programmaticEventFlags;

    /// <summary>1 if the event fires as soon as every block has started.</summary>
    [FieldOffset(12)]
    public int programmaticEventTriggerAtBlockStart;

    /// <summary>Priority of the launch; lower goes first.</summary>
    [FieldOffset(0)]
    public int priority;

    /// <summary>Share of shared memory in the SM's first-level cache, in percent.</summary>
    [FieldOffset(0)]
    public uint sharedMemCarveout;
}

/// <summary>Launch attributes that the engine uses.</summary>
internal enum CUlaunchAttributeID
{
    CU_LAUNCH_ATTRIBUTE_IGNORE = 0,
    CU_LAUNCH_ATTRIBUTE_COOPERATIVE = 2,
    CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION = 4,
    CU_LAUNCH_ATTRIBUTE_CLUSTER_SCHEDULING_POLICY_PREFERENCE = 5,
    CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION = 6,
    CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_EVENT = 7,
    CU_LAUNCH_ATTRIBUTE_PRIORITY = 8,
    CU_LAUNCH_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT = 14,
}
