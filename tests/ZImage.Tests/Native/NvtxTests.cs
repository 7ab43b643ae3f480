using System.Runtime.InteropServices;
using System.Text;
using NUnit.Framework;
using ZImage.Native;

namespace ZImage.Tests.Native;

/// <summary>A stand-in for a profiler attaches as the NVTX protocol says and gets the ranges.</summary>
[NonParallelizable]
public sealed unsafe class NvtxTests
{
    private static readonly List<string> s_received = [];
    private static readonly uint[] s_sizes = new uint[8];
    private static uint s_version;

    [SetUp]
    public void StartWithoutTool()
    {
        Nvtx.Detach();
        s_received.Clear();
    }

    [TearDown]
    public void DetachTool() => Nvtx.Detach();

    [Test]
    public void Nested_ranges_reach_an_attached_tool_in_order()
    {
        Assert.That(Nvtx.Attach(&Initialize), Is.True);

        using (NvtxRange.Push("step 3/8"u8))
        {
            // Cut out of a longer literal: no zero follows it.
            using (NvtxRange.Push("attention?"u8[..9]))
            {
            }
        }

        Assert.That(s_received, Is.EqualTo(new[] { "push step 3/8", "push attention", "pop", "pop" }));
    }

    [Test]
    public void Names_are_UTF8_of_any_length()
    {
        string name = string.Concat(Enumerable.Repeat("猫", 200));
        Assert.That(Nvtx.Attach(&Initialize), Is.True);

        NvtxRange.Push(Encoding.UTF8.GetBytes(name)).Dispose();

        Assert.That(s_received, Is.EqualTo(new[] { $"push {name}", "pop" }));
    }

    [Test]
    public void Without_a_tool_a_range_does_nothing_and_allocates_nothing()
    {
        Assert.That(Nvtx.IsAttached, Is.False);
        NvtxRange.Push("warm up"u8).Dispose();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int round = 0; round < 1000; round++)
        {
            NvtxRange.Push("nobody listens"u8).Dispose();
        }

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
        Assert.That(s_received, Is.Empty);
    }

    [Test]
    public void A_tool_that_refuses_gets_nothing()
    {
        Assert.That(Nvtx.Attach(&InitializeAndRefuse), Is.False);

        NvtxRange.Push("range"u8).Dispose();

        Assert.That(Nvtx.IsAttached, Is.False);
        Assert.That(s_received, Is.Empty);
    }

    [Test]
    public void Slots_that_a_tool_leaves_empty_do_nothing()
    {
        Assert.That(Nvtx.Attach(&InitializeWithoutFunctions), Is.True);

        NvtxRange.Push("range"u8).Dispose();

        Assert.That(s_received, Is.Empty);
    }

    [Test]
    public void Tables_have_the_sizes_of_the_C_header_and_the_version_is_3()
    {
        _ = Nvtx.Attach(&Initialize);

        // Core, CUDA, OpenCL, CUDA runtime, core2, sync; modules 0 and 7 are none.
        Assert.That(s_sizes, Is.EqualTo(new uint[] { 0, 16, 9, 15, 7, 16, 7, 0 }));
        Assert.That(s_version, Is.EqualTo(3));
    }

    [UnmanagedCallersOnly]
    private static int Initialize(delegate* unmanaged<uint, void*> getExportTable)
    {
        Fill(getExportTable);
        return 1;
    }

    [UnmanagedCallersOnly]
    private static int InitializeAndRefuse(delegate* unmanaged<uint, void*> getExportTable)
    {
        Fill(getExportTable);
        return 0;
    }

    [UnmanagedCallersOnly]
    private static int InitializeWithoutFunctions(delegate* unmanaged<uint, void*> getExportTable) => getExportTable(1) is null ? 0 : 1;

    // What a tool does, by the layout that the C header gives: table 1 is { size_t, int (*)(int, void***, unsigned*) }.
    private static void Fill(delegate* unmanaged<uint, void*> getExportTable)
    {
        nint* callbacks = (nint*)getExportTable(1);
        delegate* unmanaged<int, void***, uint*, int> getTable = (delegate* unmanaged<int, void***, uint*, int>)callbacks[1];
        for (int module = 0; module < s_sizes.Length; module++)
        {
            void** table;
            uint size = 0;
            s_sizes[module] = getTable(module, &table, &size) != 0 ? size : 0;
            if (module == 1)
            {
                *(delegate* unmanaged<byte*, int>*)table[9] = &PushA;
                *(delegate* unmanaged<int>*)table[11] = &Pop;
            }
        }

        s_version = *(uint*)((byte*)getExportTable(3) + 8);
    }

    [UnmanagedCallersOnly]
    private static int PushA(byte* name)
    {
        s_received.Add($"push {Marshal.PtrToStringUTF8((nint)name)}");
        return 0;
    }

    [UnmanagedCallersOnly]
    private static int Pop()
    {
        s_received.Add("pop");
        return 0;
    }
}
