using NUnit.Framework;
using ZImage.Backends.Cuda;
using ZImage.Tests.Support;

namespace ZImage.Tests.Backends.Cuda;

/// <summary>The cache of compiled kernels, with a compiler that only counts its calls.</summary>
public sealed class KernelCacheTests
{
    private static readonly Version Compiler = new(13, 0);
    private static readonly KernelTarget Hopper = new("sm_90a", false);
    private static readonly KernelSource Source = new("rmsnorm", "source", [new("common/types.cuh", "types"), new("common/reduce.cuh", "reduce")]);

    private int compiled;

    [SetUp]
    public void Start() => compiled = 0;

    [Test]
    public void A_family_is_compiled_once_and_comes_from_the_disk_after_that()
    {
        using TemporaryFolder folder = new();
        KernelImage first = Get(folder.Path, Source, out bool cached);
        KernelImage second = Get(folder.Path, Source, out bool cachedLater);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((cached, cachedLater, compiled), Is.EqualTo((false, true, 1)));
            Assert.That(second.Code, Is.EqualTo(first.Code));
            Assert.That(second.Log, Is.EqualTo("log 1"));
        }
    }

    [Test]
    public void The_source_lies_where_the_compiler_was_told_it_would()
    {
        using TemporaryFolder folder = new();
        string told = "";
        new KernelCache(folder.Path).Get(Source, Hopper, Compiler, path => Compile(told = path), out _);
        string place = Path.GetDirectoryName(told)!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(File.ReadAllText(told), Is.EqualTo("source"));
            Assert.That(File.ReadAllText(Path.Combine(place, "common", "types.cuh")), Is.EqualTo("types"));
            Assert.That(File.ReadAllText(Path.Combine(place, "options.txt")), Does.Contain("--gpu-architecture=sm_90a").And.Contain("13.0"));
            Assert.That(Path.GetFileName(place), Does.StartWith("rmsnorm.sm_90a."));
            Assert.That(Directory.GetFileSystemEntries(folder.Path), Is.EqualTo(new[] { place }), "nothing is left of the writing aside");
        }
    }

    [Test]
    public void Broken_machine_code_is_compiled_again_and_replaced([Values("flip", "cut", "gone", "no digest")] string damage)
    {
        using TemporaryFolder folder = new();
        Get(folder.Path, Source, out _);
        string code = Directory.GetFiles(folder.Path, "kernel.cubin", SearchOption.AllDirectories).Single();
        byte[] bytes = File.ReadAllBytes(code);
        switch (damage)
        {
            case "flip":
                bytes[0] ^= 1;
                File.WriteAllBytes(code, bytes);
                break;
            case "cut":
                File.WriteAllBytes(code, bytes[..^1]);
                break;
            case "gone":
                File.Delete(code);
                break;
            default:
                File.Delete(Path.ChangeExtension(code, ".sha256"));
                break;
        }

        Get(folder.Path, Source, out bool afterDamage);
        Get(folder.Path, Source, out bool afterRepair);
        Assert.That((afterDamage, afterRepair, compiled), Is.EqualTo((false, true, 2)));
    }

    [Test]
    public void Losing_the_race_against_another_process_keeps_the_winners_entry()
    {
        using TemporaryFolder folder = new();
        KernelImage loser = new KernelCache(folder.Path).Get(
            Source,
            Hopper,
            Compiler,
            path =>
            {
                // While this process compiles, another one finishes.
                Get(folder.Path, Source, out _);
                return Compile(path);
            },
            out _);
        KernelImage kept = Get(folder.Path, Source, out bool cached);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(cached, Is.True);
            Assert.That(kept.Code, Is.Not.EqualTo(loser.Code));
            Assert.That(Directory.GetFileSystemEntries(folder.Path), Has.Length.EqualTo(1));
        }
    }

    [Test]
    public void A_cache_that_cannot_be_written_is_done_without()
    {
        using TemporaryFolder folder = new();
        string file = folder.File("file");
        File.WriteAllText(file, "");
        KernelImage image = Get(Path.Combine(file, "kernels"), Source, out bool cached);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(cached, Is.False);
            Assert.That(image.Code, Is.EqualTo(new byte[] { 1, 2, 3 }));
        }

        Get(null, Source, out _);
        Assert.That(compiled, Is.EqualTo(2));
    }

    [Test]
    public void Whatever_changes_the_machine_code_changes_the_key()
    {
        string[] options = Hopper.Options;
        string[] keys =
        [
            KernelCache.Key(Source, options, Compiler),
            KernelCache.Key(Source with { Text = "source " }, options, Compiler),
            KernelCache.Key(Source with { Family = "rope" }, options, Compiler),
            KernelCache.Key(Source with { Headers = [new("common/types.cuh", "types!"), Source.Headers[1]] }, options, Compiler),
            KernelCache.Key(Source with { Headers = [new("common/typesr.cuh", "ypes"), Source.Headers[1]] }, options, Compiler),
            KernelCache.Key(Source with { Headers = [Source.Headers[0]] }, options, Compiler),
            KernelCache.Key(Source, new KernelTarget("sm_89", false).Options, Compiler),
            KernelCache.Key(Source, [.. options, "--maxrregcount=64"], Compiler),
            KernelCache.Key(Source, options, new Version(13, 1)),
        ];
        Assert.That(keys, Is.Unique);
        Assert.That(KernelCache.Key(Source, options, Compiler), Is.EqualTo(keys[0]));
    }

    private KernelImage Get(string? folder, KernelSource source, out bool cached) => new KernelCache(folder).Get(source, Hopper, Compiler, Compile, out cached);

    private KernelImage Compile(string path)
    {
        Assert.That(path, Does.EndWith("rmsnorm.cu"));
        compiled++;
        return new KernelImage([(byte)compiled, 2, 3], $"log {compiled}");
    }
}
