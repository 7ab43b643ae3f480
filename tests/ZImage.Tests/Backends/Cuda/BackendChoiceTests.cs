using NUnit.Framework;
using ZImage.Backends;
using ZImage.Backends.Cuda;
using ZImage.Generation;
using ZImage.Native;

namespace ZImage.Tests.Backends.Cuda;

/// <summary>From the device that was asked for to a backend or a useful error.</summary>
public sealed class BackendChoiceTests
{
    [TestCase("gpu")]
    [TestCase("cuda:")]
    [TestCase("cuda:-1")]
    [TestCase("cuda:x")]
    [TestCase("CUDA")]
    [TestCase("")]
    public void A_device_that_does_not_exist_is_told_with_the_names_that_do(string name) =>
        Assert.That(
            () => BackendChoice.Open(new PipelineOptions { Device = name }, out _),
            Throws.TypeOf<DeviceException>().With.Message.Contains($"'{name}'").And.Property("Hint").Contains("cuda:N"));

    [Test]
    public void A_precision_that_does_not_exist_is_told() =>
        Assert.That(
            () => BackendChoice.Open(new PipelineOptions { Device = "cpu", Precision = "fp8" }, out _),
            Throws.TypeOf<DeviceException>().With.Message.Contains("fp8").And.Property("Hint").Contains("bf16"));

    [Test]
    public void The_processor_is_there_without_a_warning()
    {
        using IBackend backend = BackendChoice.Open(new PipelineOptions { Device = "cpu", Threads = 1 }, out string? warning);
        Assert.That((backend.Name, backend.DeviceName, warning), Is.EqualTo(("cpu", "cpu", (string?)null)));
    }

    [Test]
    public void Without_a_driver_auto_is_the_processor_and_cuda_says_what_to_install()
    {
        if (NativeLibraryResolver.TryLoad(NativeLibraryResolver.Cuda, out _))
        {
            Assert.Ignore("This machine has an NVIDIA driver.");
        }

        using IBackend backend = BackendChoice.Open(new PipelineOptions { Threads = 1 }, out string? warning);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((backend.Name, warning), Is.EqualTo(("cpu", (string?)null)));
            Assert.That(
                () => BackendChoice.Open(new PipelineOptions { Device = "cuda" }, out _),
                Throws.TypeOf<DeviceException>().With.Message.Contains("libcuda").Or.Message.Contains("nvcuda").And.Property("Hint").EndsWith("Or use --device cpu."));
        }
    }

    [Test]
    public void A_missing_library_is_told_once_and_leaves_the_processor_as_a_way_out()
    {
        NativeLibraryNotFoundException missing = new(NativeLibraryNames.Of(NativeLibraryResolver.Cuda), [new NativeLibraryAttempt("libcuda.so.1", "no such file")]);

        ZImageException error = CudaErrors.Translate(missing, "cuda:0");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(error, Is.TypeOf<DeviceException>());
            Assert.That(error.Message, Does.Contain("libcuda.so.1: no such file").And.Not.Contain("Install"));
            Assert.That(error.Hint, Is.EqualTo("Install the NVIDIA driver; in a container, start it with the GPUs passed through (--gpus all). Or use --device cpu."));
        }
    }

    [Test]
    public void Activations_on_a_GPU_are_one_of_two_types() =>
        Assert.That(() => new CudaBackend(0, ZImage.Tensors.DType.F16), Throws.ArgumentException.With.Message.Contains("F16"));

    [TestCase("C", "X", "L", "H", true, "C")]
    [TestCase(null, "X", "L", "H", true, "X/zimage")]
    [TestCase(null, null, "L", "H", true, "L/zimage/cache")]
    [TestCase(null, null, "L", "H", false, "H/.cache/zimage")]
    [TestCase("", "", "", "", true, null)]
    [TestCase(null, null, null, null, false, null)]
    public void The_cache_lies_where_the_environment_says(string? own, string? xdg, string? local, string? home, bool windows, string? expected)
    {
        string? found = CacheFolder.Find(
            name => name switch { "ZIMAGE_CACHE" => own, "XDG_CACHE_HOME" => xdg, "LOCALAPPDATA" => local, "HOME" => home, _ => null }, windows);
        Assert.That(found?.Replace('\\', '/'), Is.EqualTo(expected));
    }
}
