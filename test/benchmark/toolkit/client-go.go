// The informer and the work queue of client-go, measured as measure.ts does: client-go URL PODS EVENTS.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apiruntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
)

func cpu() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func heap() float64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return float64(stats.HeapAlloc)
}

func stripped(object any) (any, error) {
	if pod, ok := object.(*corev1.Pod); ok {
		pod.ManagedFields = nil
	}
	return object, nil
}

func overTheWire(url string, pods, events int) map[string]float64 {
	client := kubernetes.NewForConfigOrDie(&rest.Config{
		Host:          url,
		QPS:           -1,
	})
	before := heap()
	started, startedCPU := time.Now(), cpu()
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithTransform(stripped))
	informer := factory.Core().V1().Pods().Informer()
	var changes atomic.Int64
	seen := make(chan struct{}, 1)
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{UpdateFunc: func(_, _ any) {
		if changes.Add(1)%int64(events) == 0 {
			seen <- struct{}{}
		}
	}})
	if err != nil {
		panic(err)
	}
	factory.Start(context.Background().Done())
	factory.WaitForCacheSync(context.Background().Done())
	figures := map[string]float64{
		"sync_ms":     float64(time.Since(started).Microseconds()) / 1000,
		"sync_cpu_ms": float64((cpu() - startedCPU).Microseconds()) / 1000,
	}
	time.Sleep(200 * time.Millisecond)
	figures["heap_KB_each"] = (heap() - before) / float64(pods) / 1000
	for round := 0; round < 3; round++ {
		started, startedCPU := time.Now(), cpu()
		response, err := http.Post(fmt.Sprintf("%s/send?events=%d", url, events), "", nil)
		if err != nil {
			panic(err)
		}
		if body, _ := io.ReadAll(response.Body); string(body) != "1" {
			panic("the server does not have exactly one watch")
		}
		<-seen
		figures["events_per_s"] = max(figures["events_per_s"], float64(events)/time.Since(started).Seconds())
		figures["events_per_cpu_s"] = max(figures["events_per_cpu_s"], float64(events)/(cpu()-startedCPU).Seconds())
	}
	return figures
}

// Changes of 10,000 pods out of a watch that is a channel: nothing is decoded.
func inProcess(events int) float64 {
	const pods = 10_000
	version := func(name, at int) *corev1.Pod {
		return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
			Name: fmt.Sprintf("pod-%d", name), Namespace: fmt.Sprintf("ns-%d", name%10), ResourceVersion: strconv.Itoa(at),
		}}
	}
	list := &corev1.PodList{ListMeta: metav1.ListMeta{ResourceVersion: strconv.Itoa(pods)}}
	for i := 0; i < pods; i++ {
		list.Items = append(list.Items, *version(i, i+1))
	}
	states := make([]*corev1.Pod, 2*pods)
	for i := range states {
		states[i] = version(i%pods, pods+i+1)
	}
	source := watch.NewRaceFreeFake()
	results := make(chan watch.Event, 100)
	lister := cache.ToListWatcherWithWatchListSemantics(&cache.ListWatch{
		ListFunc:  func(metav1.ListOptions) (apiruntime.Object, error) { return list, nil },
		WatchFunc: func(metav1.ListOptions) (watch.Interface, error) { return channelWatch{source, results}, nil },
	}, unsupported{})
	informer := cache.NewSharedIndexInformer(lister, &corev1.Pod{}, 0, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc})
	var handled atomic.Int64
	done := make(chan struct{})
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{UpdateFunc: func(_, _ any) {
		if handled.Add(1) == int64(events) {
			close(done)
		}
	}})
	if err != nil {
		panic(err)
	}
	go informer.Run(context.Background().Done())
	cache.WaitForCacheSync(context.Background().Done(), informer.HasSynced)
	startedCPU := cpu()
	for i := 0; i < events; i++ {
		results <- watch.Event{Type: watch.Modified, Object: states[i%len(states)]}
	}
	<-done
	return float64(events) / (cpu() - startedCPU).Seconds()
}

type channelWatch struct {
	*watch.RaceFreeFakeWatcher
	results chan watch.Event
}

func (w channelWatch) ResultChan() <-chan watch.Event { return w.results }

type unsupported struct{}

func (unsupported) IsWatchListSemanticsUnSupported() bool { return true }

// Nanoseconds of add, get and done of one of 1,000 keys.
func queue(rounds int) float64 {
	keys := make([]string, 1000)
	for i := range keys {
		keys[i] = fmt.Sprintf("default/pod-%d", i)
	}
	best := 0.0
	for round := 0; round < 5; round++ {
		queue := workqueue.NewTyped[string]()
		startedCPU := cpu()
		for i := 0; i < rounds; i++ {
			queue.Add(keys[i%len(keys)])
			key, _ := queue.Get()
			queue.Done(key)
		}
		rate := 3 * float64(rounds) / (cpu() - startedCPU).Seconds()
		queue.ShutDown()
		best = max(best, rate)
	}
	return best
}

func main() {
	pods, _ := strconv.Atoi(os.Args[2])
	events, _ := strconv.Atoi(os.Args[3])
	figures := overTheWire(os.Args[1], pods, events)
	figures["queue_ops_per_cpu_s"] = queue(1_000_000)
	figures["in_process_events_per_cpu_s"] = inProcess(1_000_000)
	if err := json.NewEncoder(os.Stdout).Encode(figures); err != nil {
		panic(err)
	}
}
