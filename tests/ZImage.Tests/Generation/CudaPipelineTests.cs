using System.Runtime.CompilerServices;
using NUnit.Framework;
using ZImage.Backends.Cuda;
using ZImage.Generation;
using ZImage.Native;
using ZImage.Sampling;
using ZImage.Tensors;
using ZImage.Tests.Golden;
using ZImage.Tests.Support;

namespace ZImage.Tests.Generation;

/// <summary>How a pipeline behaves on a GPU: the same bits again, memory on both sides, cancellation.</summary>
[RequiresCuda(NativeLibraryResolver.Nvrtc, NativeLibraryResolver.CublasLt)]
[NonParallelizable]
public sealed class CudaPipelineTests
{
    private const long MiB = 1 << 20;

    private static readonly GenerationRequest Small = new("a red circle") { Width = 64, Height = 48, Steps = 4, Seed = 1 };

    private static readonly PipelineOptions Cuda = new() { Device = "cuda" };

    private static string Checkpoint { get; } = Path.GetDirectoryName(GoldenFile.PathOf("checkpoints", "tiny-turbo", "model_index.json"))!;

    [Test]
    public async Task One_seed_gives_the_same_bits_every_time_with_recordings_and_without()
    {
        GenerationRequest guided = Small with { Guidance = 3, NegativePrompt = "blue" };
        foreach (GenerationRequest request in new[] { Small, guided })
        {
            await using ZImagePipeline pipeline = await ZImagePipeline.LoadAsync(Checkpoint, Cuda);
            GenerationResult first = await pipeline.GenerateAsync(request);

            // The first run is no recording, the second makes them, the third replays.
            for (int run = 2; run <= 4; run++)
            {
                AssertSame(first, await pipeline.GenerateAsync(request), $"run {run}");
            }

            string? before = Environment.GetEnvironmentVariable("ZIMAGE_GRAPHS");
            try
            {
                Environment.SetEnvironmentVariable("ZIMAGE_GRAPHS", "0");
                await using ZImagePipeline plain = await ZImagePipeline.LoadAsync(Checkpoint, Cuda);
                Assert.That(((CudaBackend)ModelOf(plain).Backend).UsesGraphs, Is.False);
                AssertSame(first, await plain.GenerateAsync(request), "without recordings");
                AssertSame(first, await plain.GenerateAsync(request), "without recordings, again");
            }
            finally
            {
                Environment.SetEnvironmentVariable("ZIMAGE_GRAPHS", before);
            }
        }
    }

    [TestCase(true)]
    [TestCase(false)]
    public void A_step_allocates_nothing_on_the_managed_heap(bool graphs)
    {
        CudaBackend backend = new() { UsesGraphs = graphs };
        using LoadedModel model = LoadedModel.Load(Checkpoint, Cuda, backend, CancellationToken.None);
        NoiseSchedule schedule = model.Scheduler.Create(4, 12);
        float[] times = [.. Enumerable.Range(0, 4).Select(schedule.ModelTime)];
        SessionKey key = new(1, 6, 8, [20, 30], [.. schedule.Sigmas], times, 3, 1);
        HostTensor[] prompts = [.. key.TextTokens.Select(tokens => new HostTensor(new float[tokens * 96], new Shape(tokens, 96)))];
        DenoisingSession session = model.Session(key, 0);
        session.SetPrompts(prompts);
        backend.Upload(new float[16 * 48], session.Latents);

        // Once as it is, once recorded.
        RunSteps();
        RunSteps();
        backend.Synchronize();
        long before = GC.GetAllocatedBytesForCurrentThread();
        RunSteps();
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);

        void RunSteps()
        {
            for (int step = 0; step < 4; step++)
            {
                session.Run(step, "", CancellationToken.None);
                backend.Pace();
            }
        }
    }

    [Test]
    public async Task Ten_pictures_in_two_sizes_leak_no_device_memory()
    {
        using BackendLease lease = GoldenBackend.Open("cuda");
        await using ZImagePipeline pipeline = await ZImagePipeline.LoadAsync(Checkpoint, Cuda);
        GenerationRequest[] sizes = [Small, Small with { Width = 256, Height = 128 }];
        for (int i = 0; i < 6; i++)
        {
            await pipeline.GenerateAsync(sizes[i % 2] with { Seed = (ulong)i });
        }

        long before = lease.Backend.FreeBytes;
        for (int i = 0; i < 10; i++)
        {
            await pipeline.GenerateAsync(sizes[i % 2] with { Seed = (ulong)i, Prompts = [$"a red circle, {i}"] });
        }

        Assert.That(before - lease.Backend.FreeBytes, Is.LessThanOrEqualTo(2 * MiB));
    }

    [Test]
    public async Task A_pipeline_gives_its_device_memory_back()
    {
        using BackendLease lease = GoldenBackend.Open("cuda");
        long before = 0;
        for (int i = 0; i < 3; i++)
        {
            await using (ZImagePipeline pipeline = await ZImagePipeline.LoadAsync(Checkpoint, Cuda))
            {
                await pipeline.GenerateAsync(Small);
            }

            // What the libraries keep for the process, they take in the first round.
            before = i == 0 ? lease.Backend.FreeBytes : before;
        }

        Assert.That(before - lease.Backend.FreeBytes, Is.LessThanOrEqualTo(2 * MiB));
    }

    [Test]
    public async Task Short_memory_costs_the_text_encoder_its_place_and_no_bit_of_the_picture()
    {
        await using ZImagePipeline roomy = await ZImagePipeline.LoadAsync(Checkpoint, Cuda);
        GenerationResult expected = await roomy.GenerateAsync(Small);
        Assert.That(ModelOf(roomy).TextEncoder.IsResident, Is.True, "it stays where there is room");

        (ZImagePipeline tight, GenerationResult result, long limit) = await Tightest();
        await using (tight)
        {
            AssertSame(expected, result, $"with {limit / MiB} MiB");
            Assert.That(ModelOf(tight).TextEncoder.IsResident, Is.False, $"it leaves where {limit / MiB} MiB are all there is");

            // Back on the device for another prompt.
            AssertSame(await roomy.GenerateAsync(Small with { Prompts = ["a blue square"] }), await tight.GenerateAsync(Small with { Prompts = ["a blue square"] }), "another prompt");
        }
    }

    [Test]
    public async Task Out_of_device_memory_is_an_error_that_helps_and_the_pipeline_draws_on()
    {
        (ZImagePipeline pipeline, GenerationResult before, long limit) = await Tightest();
        await using (pipeline)
        {
            DeviceMemoryException? failure = await Assert.ThrowsAsync<DeviceMemoryException>(
                async () => await pipeline.GenerateAsync(Small with { Width = 1024, Height = 1024, Steps = 1 }));
            using (Assert.EnterMultipleScope())
            {
                Assert.That(failure!.NeededBytes, Is.Positive);
                Assert.That(failure.FreeBytes, Is.InRange(0, limit));
                Assert.That(failure.Message, Does.Contain("cuda:0").And.Contains("needed").And.Contains("free"));
                Assert.That(failure.Hint, Does.Contain("smaller").And.Contains("memory limit"));
            }

            AssertSame(before, await pipeline.GenerateAsync(Small), "after the failure");
        }
    }

    [Test]
    public void A_limit_below_what_the_backend_itself_needs_is_refused_when_loading() =>
        Assert.That(async () => await ZImagePipeline.LoadAsync(Checkpoint, Cuda with { DeviceMemoryLimit = MiB }), Throws.TypeOf<DeviceMemoryException>());

    [Test]
    public async Task Cancelling_stops_between_steps_and_the_pipeline_draws_on()
    {
        await using ZImagePipeline pipeline = await ZImagePipeline.LoadAsync(Checkpoint, Cuda);
        GenerationResult before = await pipeline.GenerateAsync(Small);
        using CancellationTokenSource source = new();
        int last = 0;
        Synchronous cancelAtTwo = new(p =>
        {
            last = p.Stage == GenerationStage.Denoising ? p.Completed : last;
            if (last == 2)
            {
                source.Cancel();
            }
        });
        Assert.That(async () => await pipeline.GenerateAsync(Small with { Steps = 100 }, cancelAtTwo, source.Token), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(last, Is.EqualTo(2), "no step was told as finished after the one that cancelled");
        AssertSame(before, await pipeline.GenerateAsync(Small), "after cancelling");
    }

    /// <summary>A pipeline under the smallest limit, in steps of 4 MiB, that draws the small picture, and what it drew.</summary>
    private static async Task<(ZImagePipeline Pipeline, GenerationResult Result, long Limit)> Tightest()
    {
        for (long limit = GemmEngine.WorkspaceBytes; limit < 1024 * MiB; limit += 4 * MiB)
        {
            ZImagePipeline? pipeline = null;
            try
            {
                pipeline = await ZImagePipeline.LoadAsync(Checkpoint, Cuda with { DeviceMemoryLimit = limit });
                return (pipeline, await pipeline.GenerateAsync(Small), limit);
            }
            catch (DeviceMemoryException)
            {
                if (pipeline is not null)
                {
                    await pipeline.DisposeAsync();
                }
            }
        }

        throw new AssertionException("1 GiB of device memory does not hold the tiny checkpoint.");
    }

    private static void AssertSame(GenerationResult expected, GenerationResult actual, string when)
    {
        Tolerance.Exact<float>($"latents, {when}", actual.Latents.Values, expected.Latents.Values);
        Tolerance.Exact<byte>($"pixels, {when}", actual.Images[0].Image.Rgb, expected.Images[0].Image.Rgb);
    }

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "model")]
    private static extern ref LoadedModel ModelOf(ZImagePipeline pipeline);

    private sealed class Synchronous(Action<GenerationProgress> report) : IProgress<GenerationProgress>
    {
        public void Report(GenerationProgress value) => report(value);
    }
}
