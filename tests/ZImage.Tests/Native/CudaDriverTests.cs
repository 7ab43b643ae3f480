using System.Diagnostics;
using System.Runtime.InteropServices;
using NUnit.Framework;
using ZImage.Native;
using ZImage.Tests.Support;

namespace ZImage.Tests.Native;

/// <summary>Devices, memory, streams and events of a real driver.</summary>
[RequiresCuda]
public sealed unsafe class CudaDriverTests : CudaFixture
{
    // Memory comes in pages of 2 MiB, and the driver may keep one back.
    private const int PageBytes = 2 << 20;

    [Test]
    public void The_device_says_what_it_is()
    {
        byte* name = stackalloc byte[256];
        byte* address = stackalloc byte[16];
        CudaException.ThrowIfFailed(CudaDriver.cuDeviceGetName(name, 256, Context.Device));
        CudaException.ThrowIfFailed(CudaDriver.cuDeviceGetPCIBusId(address, 16, Context.Device));
        CudaException.ThrowIfFailed(CudaDriver.cuDeviceGetUuid_v2(out CUuuid uuid, Context.Device));
        CudaException.ThrowIfFailed(CudaDriver.cuDeviceTotalMem_v2(out nuint bytes, Context.Device));
        CudaException.ThrowIfFailed(CudaDriver.cuDriverGetVersion(out int version));
        TestContext.Out.WriteLine(
            $"{Marshal.PtrToStringUTF8((nint)name)}, {Architecture}, {bytes >> 20} MiB, {Marshal.PtrToStringUTF8((nint)address)}, {uuid}, "
            + $"CUDA {version / 1000}.{version % 1000 / 10}, {NativeLibraryResolver.LoadedPath(NativeLibraryResolver.Cuda)}");

        Assert.That(Marshal.PtrToStringUTF8((nint)name), Is.Not.Empty);
        Assert.That(Attribute(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_WARP_SIZE, Context.Device), Is.EqualTo(32));
        Assert.That(Attribute(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK, Context.Device), Is.EqualTo(1024));
        Assert.That(Attribute(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, Context.Device), Is.GreaterThan(0));
        Assert.That(Attribute(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_CLUSTER_LAUNCH, Context.Device), Is.EqualTo(Major is 9 or 10 or 11 or 12 ? 1 : 0));
        Assert.That(Attribute(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_TENSOR_MAP_ACCESS_SUPPORTED, Context.Device), Is.EqualTo(Major >= 9 ? 1 : 0));
        Assert.That(version, Is.GreaterThanOrEqualTo(12000));
    }

    [Test]
    public void Bytes_make_the_round_trip_through_the_device()
    {
        byte[] sent = new byte[1_000_003];
        new Random(1).NextBytes(sent);

        using DeviceMemoryHandle memory = Upload<byte>(sent);

        Assert.That((ulong)memory.Pointer % 256, Is.Zero);
        Assert.That(Download<byte>(memory), Is.EqualTo(sent));
    }

    [Test]
    public void Asynchronous_copies_and_fills_follow_the_stream_s_order()
    {
        const int Count = 1 << 16;
        using PinnedMemoryHandle source = PinnedMemoryHandle.Allocate(Context, Count);
        using PinnedMemoryHandle destination = PinnedMemoryHandle.Allocate(Context, Count);
        using DeviceMemoryHandle first = DeviceMemoryHandle.Allocate(Context, Count);
        using DeviceMemoryHandle second = DeviceMemoryHandle.Allocate(Context, Count);
        new Random(2).NextBytes(source.Span(0, Count));
        byte[] expected = source.Span(0, Count).ToArray();
        expected.AsSpan(16, 16).Fill(7);
        MemoryMarshal.Cast<byte, uint>(expected.AsSpan(64, 32)).Fill(0xDEADBEEF);

        CudaException.ThrowIfFailed(CudaDriver.cuMemcpyHtoDAsync_v2(first.Pointer, source.Pointer, Count, Stream.Value));
        CudaException.ThrowIfFailed(CudaDriver.cuMemsetD8Async(first.Pointer + 16, 7, 16, Stream.Value));
        CudaException.ThrowIfFailed(CudaDriver.cuMemsetD32Async(first.Pointer + 64, 0xDEADBEEF, 8, Stream.Value));
        CudaException.ThrowIfFailed(CudaDriver.cuMemcpyDtoDAsync_v2(second.Pointer, first.Pointer, Count, Stream.Value));
        CudaException.ThrowIfFailed(CudaDriver.cuMemcpyDtoHAsync_v2(destination.Pointer, second.Pointer, Count, Stream.Value));
        Stream.Synchronize();

        Assert.That(destination.Span(0, Count).ToArray(), Is.EqualTo(expected));
        Assert.That(CudaDriver.cuStreamQuery(Stream.Value), Is.EqualTo(CudaResult.CUDA_SUCCESS));
    }

    [Test]
    public void Registered_memory_of_the_program_can_be_copied_from()
    {
        byte[] values = GC.AllocateArray<byte>(1 << 20, pinned: true);
        new Random(3).NextBytes(values);
        using DeviceMemoryHandle memory = DeviceMemoryHandle.Allocate(Context, (nuint)values.Length);
        fixed (byte* start = values)
        {
            CudaException.ThrowIfFailed(CudaDriver.cuMemHostRegister_v2(start, (nuint)values.Length, CUmemhostregister_flags.CU_MEMHOSTREGISTER_NONE));
            try
            {
                CudaException.ThrowIfFailed(CudaDriver.cuMemcpyHtoDAsync_v2(memory.Pointer, start, (nuint)values.Length, Stream.Value));
                Stream.Synchronize();
            }
            finally
            {
                CudaException.ThrowIfFailed(CudaDriver.cuMemHostUnregister(start));
            }
        }

        Assert.That(Download<byte>(memory), Is.EqualTo(values));
    }

    [Test]
    public void Events_time_the_work_between_them()
    {
        const int Bytes = 256 << 20;
        using DeviceMemoryHandle memory = DeviceMemoryHandle.Allocate(Context, Bytes);
        using EventHandle start = EventHandle.Create(Context);
        using EventHandle end = EventHandle.Create(Context);
        Stream.Synchronize();
        long began = Stopwatch.GetTimestamp();
        CudaException.ThrowIfFailed(CudaDriver.cuEventRecord(start.Value, Stream.Value));
        for (int round = 0; round < 20; round++)
        {
            CudaException.ThrowIfFailed(CudaDriver.cuMemsetD32Async(memory.Pointer, 1, Bytes / sizeof(uint), Stream.Value));
        }

        CudaException.ThrowIfFailed(CudaDriver.cuEventRecord(end.Value, Stream.Value));
        CudaException.ThrowIfFailed(CudaDriver.cuEventSynchronize(end.Value));
        TimeSpan wall = Stopwatch.GetElapsedTime(began);

        TimeSpan measured = end.Since(start);
        TestContext.Out.WriteLine($"20 fills of {Bytes >> 20} MiB: {measured.TotalMilliseconds:F3} ms by events, {wall.TotalMilliseconds:F3} ms by the clock");
        Assert.That(CudaDriver.cuEventQuery(end.Value), Is.EqualTo(CudaResult.CUDA_SUCCESS));

        // 5 GiB at 50 TB/s, several times what any device's memory does, take 0.1 ms. Neither clock is better than a microsecond.
        Assert.That(measured, Is.GreaterThan(TimeSpan.FromMilliseconds(0.1)));
        Assert.That(measured, Is.LessThanOrEqualTo(wall + TimeSpan.FromMilliseconds(0.01)));
    }

    [Test]
    public void A_stream_waits_for_another_one_s_event()
    {
        const int Bytes = 64 << 20;
        using StreamHandle other = StreamHandle.Create(Context, priority: 0);
        using EventHandle filled = EventHandle.Create(Context, CUevent_flags.CU_EVENT_DISABLE_TIMING);
        using DeviceMemoryHandle first = DeviceMemoryHandle.Allocate(Context, Bytes);
        using DeviceMemoryHandle second = DeviceMemoryHandle.Allocate(Context, sizeof(uint));
        CudaException.ThrowIfFailed(CudaDriver.cuMemsetD32Async(first.Pointer, 1, Bytes / sizeof(uint), other.Value));
        CudaException.ThrowIfFailed(CudaDriver.cuMemsetD32Async(first.Pointer, 2, Bytes / sizeof(uint), other.Value));
        CudaException.ThrowIfFailed(CudaDriver.cuEventRecord(filled.Value, other.Value));

        CudaException.ThrowIfFailed(CudaDriver.cuStreamWaitEvent(Stream.Value, filled.Value, 0));
        CudaException.ThrowIfFailed(CudaDriver.cuMemcpyDtoDAsync_v2(second.Pointer, first.Pointer + Bytes - sizeof(uint), sizeof(uint), Stream.Value));
        Stream.Synchronize();

        Assert.That(Download<uint>(second), Is.EqualTo(new uint[] { 2 }));
    }

    [Test]
    public void Disposed_memory_is_free_again()
    {
        const int Bytes = 512 << 20;
        using (DeviceMemoryHandle.Allocate(Context, Bytes))
        {
            // The first large block may make the driver set something up that it keeps.
        }

        long before = FreeBytes();
        using (DeviceMemoryHandle memory = DeviceMemoryHandle.Allocate(Context, Bytes))
        {
            Assert.That(before - FreeBytes(), Is.EqualTo((long)Bytes).Within(PageBytes));
        }

        Assert.That(FreeBytes(), Is.EqualTo(before).Within(PageBytes));
    }

    [Test]
    public void Memory_that_nobody_disposes_is_freed_by_the_finalizer()
    {
        const int Bytes = 512 << 20;
        long before = FreeBytes();
        AllocateAndForget();
        Assert.That(before - FreeBytes(), Is.GreaterThanOrEqualTo((long)(Bytes - PageBytes)));

        GC.Collect();
        GC.WaitForPendingFinalizers();

        Assert.That(FreeBytes(), Is.EqualTo(before).Within(PageBytes));

        [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
        void AllocateAndForget() => _ = DeviceMemoryHandle.Allocate(Context, Bytes);
    }

    [Test]
    public void Memory_outlives_its_context_s_disposal_and_is_still_freed()
    {
        ContextHandle context = ContextHandle.RetainPrimary(Context.Device);
        long before = FreeBytes();
        DeviceMemoryHandle memory = DeviceMemoryHandle.Allocate(context, 64 << 20);

        context.Dispose();
        CudaException.ThrowIfFailed(CudaDriver.cuMemsetD8_v2(memory.Pointer, 1, 16));
        memory.Dispose();

        Assert.That(FreeBytes(), Is.EqualTo(before).Within(PageBytes));
    }

    [Test]
    public void A_thread_without_a_context_can_dispose()
    {
        long before = FreeBytes();
        DeviceMemoryHandle memory = DeviceMemoryHandle.Allocate(Context, 64 << 20);
        nint left = -1;
        Thread thread = new(() =>
        {
            memory.Dispose();
            _ = CudaDriver.cuCtxGetCurrent(out left);
        });

        thread.Start();
        thread.Join();

        Assert.That((long)left, Is.Zero, "the thread's own state is put back");
        Assert.That(FreeBytes(), Is.EqualTo(before).Within(PageBytes));
    }

    [Test]
    public void Too_large_a_block_is_refused_with_its_size()
    {
        CudaException? error = Assert.Throws<CudaException>(() => DeviceMemoryHandle.Allocate(Context, (nuint)1 << 50).Dispose());

        Assert.That(error!.Message, Does.StartWith("cuMemAlloc_v2 of 1125899906842624 bytes failed: CUDA_ERROR_OUT_OF_MEMORY (2), out of memory."));
        Assert.That(error.ContextIsLost, Is.False);
    }

    [Test]
    public void Functions_are_found_by_name_and_version()
    {
        fixed (byte* known = "cuLaunchKernelEx"u8, unknown = "cuNoSuchFunction"u8)
        {
            CudaException.ThrowIfFailed(CudaDriver.cuGetProcAddress_v2(
                known, out nint address, 12000, CUdriverProcAddress_flags.CU_GET_PROC_ADDRESS_DEFAULT, out CUdriverProcAddressQueryResult found));
            _ = CudaDriver.cuGetProcAddress_v2(
                unknown, out nint nothing, 12000, CUdriverProcAddress_flags.CU_GET_PROC_ADDRESS_DEFAULT, out CUdriverProcAddressQueryResult missing);

            Assert.That((long)address, Is.Not.Zero);
            Assert.That(found, Is.EqualTo(CUdriverProcAddressQueryResult.CU_GET_PROC_ADDRESS_SUCCESS));
            Assert.That((long)nothing, Is.Zero);
            Assert.That(missing, Is.EqualTo(CUdriverProcAddressQueryResult.CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND));
        }
    }

    [Test]
    public void A_tensor_map_is_encoded_on_devices_that_have_them()
    {
        if (Major < 9)
        {
            Assert.Ignore($"{Architecture} has no tensor maps.");
        }

        const int Rows = 128, Columns = 256;
        using DeviceMemoryHandle memory = DeviceMemoryHandle.Allocate(Context, Rows * Columns * 2);

        CudaResult right = CudaDriver.EncodeTiled(
            out CUtensorMap map,
            CUtensorMapDataType.CU_TENSOR_MAP_DATA_TYPE_BFLOAT16,
            memory.Pointer,
            [Columns, Rows],
            [Columns * 2],
            [64, 64],
            CUtensorMapSwizzle.CU_TENSOR_MAP_SWIZZLE_128B,
            CUtensorMapL2promotion.CU_TENSOR_MAP_L2_PROMOTION_L2_256B);

        // 128 columns of 2 bytes are more than the swizzle's 128 bytes.
        CudaResult wrong = CudaDriver.EncodeTiled(
            out _,
            CUtensorMapDataType.CU_TENSOR_MAP_DATA_TYPE_BFLOAT16,
            memory.Pointer,
            [Columns, Rows],
            [Columns * 2],
            [128, 64],
            CUtensorMapSwizzle.CU_TENSOR_MAP_SWIZZLE_128B,
            CUtensorMapL2promotion.CU_TENSOR_MAP_L2_PROMOTION_NONE);

        Assert.That(right, Is.EqualTo(CudaResult.CUDA_SUCCESS));
        Assert.That(new ReadOnlySpan<ulong>(map.opaque, 16).ContainsAnyExcept(0ul), Is.True, "the map is filled in");
        Assert.That(wrong, Is.EqualTo(CudaResult.CUDA_ERROR_INVALID_VALUE));
    }
}
